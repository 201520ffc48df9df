/** The commands of a build, ready to paste: what they read is rendered into a folder, and nothing is run. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StageName } from '../plan/plan.js'
import { renderFile } from '../render/engine.js'
import { diskName, serialLogPath } from '../stages/builder-vm.js'
import { packTar, writeTree } from '../stages/file-tree.js'
import { baseName, buildKeyCommand, renderProvision, scriptNames } from '../stages/provision.js'
import type { Acceleration } from '../tools/acceleration.js'
import { formatCommand } from '../tools/command.js'
import { qcow2MediaType } from '../targets/target-files.js'
import { convertCommand } from '../tools/qemu-img.js'
import type { PreparedBuild } from './prepare.js'
import { packerLines, quote, record } from './shell-lines.js'

export interface DryRunRequest {
  readonly build: PreparedBuild
  /** Emptied, then filled: one folder for each stage. */
  readonly directory: string
  readonly templates: string
  readonly acceleration: Acceleration
  readonly signal: AbortSignal
  /** Where the release lies, or will lie. */
  readonly release: string
  /** Folders of the stages whose results are stored; the commands of the others read them. */
  readonly stored: Readonly<Partial<Record<StageName, string>>>
}

/** Lines for a POSIX shell, by stage; secrets of mirror and proxies are in files that they name. Errors: those of the template engine. */
export async function dryRun(request: DryRunRequest): Promise<Readonly<Partial<Record<StageName, readonly string[]>>>> {
  const { directory, stored } = request
  await rm(directory, { recursive: true, force: true })
  const folder = (stage: StageName) => stored[stage] ?? join(directory, stage)
  for (const stage of ['media', 'install', 'provision', 'export'] as const) {
    if (!stored[stage]) await mkdir(join(directory, stage), { recursive: true })
  }
  const places = { media: folder('media'), install: folder('install'), provision: folder('provision') }
  const check = formatCommand(['pipeline', 'verify', request.release])
  return {
    ...(stored.media ? {} : { media: await request.build.recipe.mediaLines(places.media) }),
    ...(stored.install ? {} : { install: await installLines(request, places) }),
    ...(stored.provision ? {} : { provision: await provisionLines(request, places) }),
    audit: ['# This program reads the disk itself; no command stands for that.'],
    ...(stored.export ? {} : { export: await exportLines(request, places) }),
    verify: [stored.export ? check : `# When the release is there: ${check}`],
  }
}

type Places = Readonly<Record<'media' | 'install' | 'provision', string>>

/** The recipe's commands, and before them those that it would run on the way to its VM. */
async function installLines({ build, acceleration }: DryRunRequest, places: Places): Promise<string[]> {
  const recorder = record()
  const last = await build.recipe.installLines(places, { ...vmOf('install', places.install), acceleration }, recorder.run)
  return [...recorder.lines, ...last]
}

/** Stands in the rendered JSON for the public key, which ssh-keygen makes only when the commands are run. */
const keyPlaceholder = 'build-key'

async function provisionLines({ build, acceleration }: DryRunRequest, places: Places): Promise<string[]> {
  const { provision } = places
  const files = build.recipe.provisionFiles
  const inFolder = (name: string) => join(provision, name)
  const [tree, payload, key, template] = ['payload', 'payload.tar', 'build-key', 'provision.json'].map(inFolder) as [string, string, string, string]
  const base = inFolder(baseName)
  await writeTree(tree, files)
  const input = {
    spec: build.spec, base, payload, privateKey: key, publicKey: keyPlaceholder,
    scripts: scriptNames(files), directory: provision, acceleration, ...vmOf('provision', provision),
  }
  await writeFile(`${template}.in`, renderProvision(build.templates.provision, input))
  const placeholder = Buffer.from(`${keyPlaceholder}\n`).toString('base64')
  return [
    formatCommand(['rm', '-f', key, `${key}.pub`]),
    formatCommand(buildKeyCommand(key)),
    formatCommand(packTar(tree, payload, build.recipe.sourceDateEpoch)),
    formatCommand(['ln', '-sf', join(places.install, diskName), base]),
    `sed "s|${placeholder}|$(base64 -w 0 ${quote(`${key}.pub`)})|" ${quote(`${template}.in`)} >${quote(template)}`,
    ...packerLines(provision, template),
  ]
}

/** Without the guard: who pastes the commands ends them, too. */
function vmOf(stage: string, directory: string) {
  return { qemuBinary: 'qemu-system-x86_64', serialLog: serialLogPath(directory, stage) }
}

/** Each target exports for real but for its commands, which are written down. */
async function exportLines({ build, directory, templates, signal }: DryRunRequest, { provision }: Places): Promise<string[]> {
  const recorder = record()
  const render = (file: string, data: object) => renderFile({ root: templates, file, data })
  for (const target of build.targets) {
    const into = join(directory, 'export', target.name)
    await mkdir(into, { recursive: true })
    const goldenDisk = { path: join(provision, diskName), format: 'raw' } as const
    const { spec, version, exportOptions: options, recipe: { sourceDateEpoch } } = build
    const input = { spec, version, options, sourceDateEpoch, goldenDisk, directory: into, signal }
    const files = await target.export(input, { run: recorder.run, render, templates }).catch((error: NodeJS.ErrnoException) => {
      // What a command would have written or said is not there.
      if (error.code !== 'ENOENT' && error.code !== 'marker-refused') throw error
      recorder.lines.push(`# This program writes the rest of ${target.name} itself, when these have run.`)
    })
    if (files && files.writers.length > 0) recorder.lines.push(`# This program writes ${target.name} itself, from one read of ${goldenDisk.path}.`)
    const planned = target.plan({ spec, version, options, usedBytes: 0 })
    // What another program can make as well shall be ready to paste, too.
    for (const { name } of planned.filter(({ mediaType }) => mediaType === qcow2MediaType)) {
      const to = { path: join(into, name), format: 'qcow2' }
      recorder.lines.push('# By hand, an equal disk in more time:', formatCommand(convertCommand({ from: goldenDisk, to, compress: true })))
    }
  }
  return recorder.lines
}
