/** media: bootstraps the package set into what the installer boots: kernel, initrd and a squashfs root. */
import { copyFile, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bootstrapFailed, excludedPackageNeeded, mirrorMoved } from '../errors/media.js'
import { PipelineError } from '../errors/pipeline-error.js'
import type { Command } from '../tools/command.js'
import { formatSource } from '../tools/deb-sources.js'
import type { Json } from '../tools/json.js'
import { ownMounts } from '../tools/own-mounts.js'
import type { ToolVersions } from '../tools/versions.js'
import type { Spec } from '../spec/types.js'
import type { PackageSet } from './packages.js'
import type { StageContext } from './types.js'

export interface MediaInput {
  readonly spec: Pick<Spec, 'release'>
  readonly packages: PackageSet
  /** Package names of the compiled kickstart. */
  readonly include: readonly string[]
  readonly exclude: readonly string[]
  /** Folder with the hooks and the installer's start: templates/media. */
  readonly hooks: string
}

export interface MediaResult {
  readonly root: string
  readonly kernel: string
  readonly initrd: string
}

/** Where a finished media stage keeps its files. */
export function mediaResult(directory: string): MediaResult {
  return {
    root: join(directory, 'root.squashfs'),
    kernel: join(directory, 'vmlinuz'),
    initrd: join(directory, 'initrd.img'),
  }
}

/**
 * What the stage's key depends on: the packages by version, and the date that goes with that very list, so neither
 * the mirror nor its indexes' signatures.
 */
export function mediaInputs(input: {
  readonly spec: Pick<Spec, 'release'>
  readonly packages: PackageSet
  readonly include: readonly string[]
  readonly hooks: Record<string, string>
  readonly tools: Pick<ToolVersions, 'mmdebstrap' | 'tar2sqfs'>
}): Json {
  return {
    release: input.spec.release,
    // Asked for by name, apt calls a package installed by hand; the others it may remove some day.
    wishes: [...input.include],
    packages: [...input.packages.packages],
    sourceDateEpoch: input.packages.sourceDateEpoch,
    imageSources: [...input.packages.imageSources],
    hooks: input.hooks,
    tools: { mmdebstrap: input.tools.mmdebstrap, tar2sqfs: input.tools.tar2sqfs },
  }
}

/**
 * `mmdebstrap` writes a tar; the mirror's lines name this host's mirror and are replaced in the customize hook.
 * No mode is given: mmdebstrap takes root where it is root, else a user namespace. `directory` holds what
 * writeBootstrapFiles wrote.
 */
export function bootstrapCommand(input: MediaInput, directory: string): Command {
  return [
    'mmdebstrap', '--variant=minbase', '--architectures=amd64', '--format=tar',
    '--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"',
    `--aptopt=${join(directory, aptOptionsName)}`,
    `--include=${input.include.join(',')}`,
    `--essential-hook=${join(input.hooks, 'essential-hook')}`,
    `--customize-hook=${join(input.hooks, 'customize-hook')}`,
    input.spec.release, '-', join(directory, mirrorName),
  ]
}

const mirrorName = 'mirror.list'
const aptOptionsName = 'apt.conf'
const startName = 'start-install'
const imageSourcesName = 'sources.list'

/** What mmdebstrap and its hooks read. Mirror and proxies may hold passwords, and every user can read a command line. */
export async function writeBootstrapFiles({ packages, hooks }: MediaInput, directory: string): Promise<void> {
  const lines = (name: string, text: readonly string[], mode?: number) =>
    writeFile(join(directory, name), text.map(line => `${line}\n`).join(''), { mode: mode ?? 0o644 })
  await copyFile(join(hooks, startName), join(directory, startName))
  await lines(imageSourcesName, packages.imageSources)
  await lines(mirrorName, packages.mirror.map(formatSource), 0o600)
  await lines(aptOptionsName, packages.aptOptions, 0o600)
}

/** lz4: the root is read by an emulated CPU, and size does not matter here. */
export function packCommand(root: string): Command {
  return ['tar2sqfs', '--quiet', '--force', '--compressor', 'lz4', root]
}

/** Fills `directory`, or leaves it empty. Errors: `bootstrap-failed`, `mirror-moved` (exit 4), `excluded-package-needed` (2). */
export async function media(input: MediaInput, context: StageContext, directory: string): Promise<MediaResult> {
  try {
    return await fill(input, context, directory)
  } catch (error) {
    const names = await readdir(directory)
    await Promise.all(names.map(name => rm(join(directory, name), { recursive: true, force: true })))
    throw error
  }
}

async function fill(input: MediaInput, context: StageContext, directory: string): Promise<MediaResult> {
  const result = mediaResult(directory)
  const logFile = join(context.logDirectory, 'media.log')
  await rm(logFile, { force: true })
  await writeBootstrapFiles(input, directory)
  const { secrets } = input.packages
  // Killed in the middle it leaves half a system: inside this folder, which the next build removes, and not mounted.
  // In a user namespace of its own it may not be able to reach the folder; there it takes its default.
  const own = await ownMounts()
  const env = {
    SOURCE_DATE_EPOCH: String(input.packages.sourceDateEpoch),
    PIPELINE_MEDIA: directory,
    ...(own.length > 0 ? { TMPDIR: directory } : {}),
  }
  context.progress(`bootstrapping ${input.packages.packages.length} packages`)
  try {
    await context.runPiped(
      { command: [...own, ...bootstrapCommand(input, directory)], options: { env, logFile, secrets, reason: 'bootstrap Debian' } },
      { command: packCommand(result.root), options: { logFile, reason: 'pack the media' } }
    )
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'tool-failed') throw error
    throw bootstrapFailed(error.details, logFile, error)
  }
  await extract(result, context, directory)
  await requirePlanned(input, directory)
  await Promise.all([startName, imageSourcesName, mirrorName, aptOptionsName].map(name => rm(join(directory, name))))
  return result
}

/** Kernel and initrd for the direct boot, and the package list, out of the packed root. */
async function extract(result: MediaResult, context: StageContext, directory: string): Promise<void> {
  const { stdout } = await context.run(['rdsquashfs', '-l', '/boot', result.root], { reason: 'find the kernel' })
  const nameOf = (start: string) => new RegExp(`\\b${start}-\\S+`).exec(stdout)?.[0] ?? start
  await unpackFile(result.root, `/boot/${nameOf('vmlinuz')}`, result.kernel, context)
  await unpackFile(result.root, `/boot/${nameOf('initrd\\.img')}`, result.initrd, context)
  await unpackFile(result.root, '/usr/lib/pipeline/packages.txt', join(directory, 'packages.txt'), context)
}

async function unpackFile(root: string, path: string, to: string, context: StageContext): Promise<void> {
  await context.runPiped(
    { command: ['rdsquashfs', '-c', path, root], options: { reason: 'unpack the kernel' } },
    { command: ['dd', 'status=none', `of=${to}`] }
  )
}

async function requirePlanned(input: MediaInput, directory: string): Promise<void> {
  const text = await readFile(join(directory, 'packages.txt'), 'utf8')
  const found = text.trim().split('\n').sort()
  const planned = new Set(input.packages.packages)
  const there = new Set(found)
  const differing = [
    ...found.filter(line => !planned.has(line)).map(line => `not planned: ${line}`),
    ...[...planned].filter(line => !there.has(line)).map(line => `missing: ${line}`),
  ]
  if (differing.length > 0) throw mirrorMoved(differing.slice(0, 20))
  const names = new Set(found.map(line => line.split('=')[0]))
  const refused = input.exclude.filter(name => names.has(name))
  if (refused.length > 0) throw excludedPackageNeeded(refused)
}
