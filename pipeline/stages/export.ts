/** export: writes each target's files from the golden disk into the release's folder. */
import { constants } from 'node:fs'
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { artifactsNotWritable, diskFull } from '../errors/stages.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { syncFile, syncTree } from '../tools/atomic-file.js'
import { freeBytes } from '../tools/free-space.js'
import { readProcess } from '../tools/process.js'
import type { Spec } from '../spec/types.js'
import type { DiskFile, Target, TargetDeps } from '../targets/types.js'
import { describeFiles, manifestName, readManifest, removeUnlisted, targetIsWhole, writeManifest, writeSums } from './release-folder.js'
import type { Manifest, ReleaseTarget } from './release-folder.js'
import { removeReport } from './verify-report.js'
import type { StageContext } from './types.js'

export interface ExportRequest {
  readonly spec: Spec
  readonly version: string
  /** artifacts/<appliance>-<version>/ */
  readonly release: string
  readonly goldenDisk: DiskFile
  readonly targets: readonly { readonly target: Target; readonly key: string }[]
  /** The manifest without its targets. */
  readonly manifest: Omit<Manifest, 'targets'>
}

/** Names of the targets that the release already holds whole, with the same key. */
export async function exportedTargets(
  release: string,
  wanted: readonly { readonly name: string; readonly key: string }[]
): Promise<readonly string[]> {
  const manifest = await readManifest(release)
  if (!manifest) return []
  const whole = await Promise.all(
    wanted.map(async ({ name, key }) => {
      const found = manifest.targets[name]
      return found?.key === key && (await targetIsWhole(release, found)) ? [name] : []
    })
  )
  return whole.flat()
}

/**
 * Exports what the release does not hold yet; what it holds of the same golden disk is kept.
 * Errors: `artifacts-not-writable` (exit 3), `disk-full` (exit 4), those of the target.
 */
export async function exportTargets(
  request: ExportRequest,
  deps: TargetDeps,
  context: StageContext
): Promise<Manifest> {
  await requireWritable(request.release)
  await removeStale(request.release)
  const old = await readManifest(request.release)
  const { goldenKey, specHash } = request.manifest
  const kept = old?.goldenKey === goldenKey && old.specHash === specHash ? old.targets : {}
  const targets: Record<string, ReleaseTarget> = { ...kept }
  for (const { target, key } of request.targets) {
    context.progress(target.name)
    targets[target.name] = { key, files: await exportOne(request, target, deps, context) }
  }
  const manifest: Manifest = { ...request.manifest, targets }
  try {
    await writeManifest(request.release, manifest)
    await removeUnlisted(request.release, Object.keys(targets))
    await writeSums(request.release, manifest)
  } catch (error) {
    throw await explain(error, manifestName, request.release)
  }
  return manifest
}

const temporaryName = /^\..+\.tmp-(?<pid>\d+)$/

/** What a killed run left half-written; another run that is alive keeps its own. */
async function removeStale(release: string): Promise<void> {
  for (const name of await readdir(release)) {
    const pid = temporaryName.exec(name)?.groups?.['pid']
    if (pid === undefined || (Number(pid) !== process.pid && readProcess(Number(pid)))) continue
    await rm(join(release, name), { recursive: true, force: true })
  }
}

/** The folder gets its final name when every file is in it and on the disk: a power cut leaves no half release. */
async function exportOne(request: ExportRequest, target: Target, deps: TargetDeps, context: StageContext) {
  const final = join(request.release, target.name)
  const temporary = join(request.release, `.${target.name}.tmp-${process.pid}`)
  try {
    await mkdir(temporary, { recursive: true })
    const { spec, version, goldenDisk } = request
    await target.export({ spec, version, goldenDisk, directory: temporary, signal: context.signal }, deps)
    const files = await describeFiles(temporary, target.name, context.signal)
    await syncTree(temporary)
    // A report speaks of the files it was made of; beside the first new one it would be a lie.
    await removeReport(request.release)
    await rm(final, { recursive: true, force: true })
    await rename(temporary, final)
    await syncFile(request.release)
    return files
  } catch (error) {
    const explained = await explain(error, target.name, request.release)
    await rm(temporary, { recursive: true, force: true })
    throw explained
  }
}

/** Errors: `artifacts-not-writable`. Asked before the build starts, too: nobody waits ten minutes for this answer. */
export async function requireWritable(release: string): Promise<void> {
  await access(await nearest(release), constants.W_OK).catch(refuse(release))
  await mkdir(release, { recursive: true }).catch(refuse(release))
}

/** The path itself or the first folder above it that is there: mkdir says only "not found" of a read-only disk. */
async function nearest(path: string): Promise<string> {
  const found = await stat(path).then(() => true, (error: NodeJS.ErrnoException) => error.code !== 'ENOENT')
  return found || dirname(path) === path ? path : nearest(dirname(path))
}

function refuse(release: string): (error: NodeJS.ErrnoException) => never {
  return error => {
    throw artifactsNotWritable(error.path ?? release, reason(error))
  }
}

function reason(error: NodeJS.ErrnoException): string {
  const words: Readonly<Record<string, string>> = {
    EACCES: 'permission denied', EROFS: 'the file system is read-only', ENOTDIR: 'part of the path is a file', EEXIST: 'it is a file',
  }
  return words[error.code ?? ''] ?? error.message
}

/** Asked before anything is removed: afterwards the disk is no longer full. */
async function explain(error: unknown, what: string, release: string): Promise<unknown> {
  const { code } = error as Partial<NodeJS.ErrnoException>
  const details = error instanceof PipelineError ? error.details : []
  if (code !== 'ENOSPC' && !details.some(line => /no space left on device/i.test(line))) return error
  return diskFull({ what: `the export of ${what}`, place: release, freeBytes: await freeBytes(release), details })
}
