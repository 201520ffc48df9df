/** The commands of a build, ready to paste: what they read is rendered into a folder, and nothing is run. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StageName } from '../plan/plan.js'
import { renderFile } from '../render/engine.js'
import { diskName, packerOutput, serialLogPath } from '../stages/builder-vm.js'
import { packExt4, packTar, writeTree } from '../stages/file-tree.js'
import { renderInstall } from '../stages/install.js'
import { bootstrapCommand, mediaResult, packCommand, writeBootstrapFiles } from '../stages/media.js'
import { baseName, buildKeyCommand, renderProvision, scriptNames } from '../stages/provision.js'
import type { Acceleration } from '../tools/acceleration.js'
import { formatCommand } from '../tools/command.js'
import type { Command, Run, RunOptions } from '../tools/command.js'
import { qcow2MediaType } from '../targets/target-files.js'
import { packerBuild, packerEnvironment, packerValidate } from '../tools/packer.js'
import { convertCommand } from '../tools/qemu-img.js'
import type { PreparedBuild } from './prepare.js'

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
    ...(stored.media ? {} : { media: await mediaLines(request, places) }),
    ...(stored.install ? {} : { install: await installLines(request, places) }),
    ...(stored.provision ? {} : { provision: await provisionLines(request, places) }),
    audit: ['# This program reads the disk itself; no command stands for that.'],
    ...(stored.export ? {} : { export: await exportLines(request, places) }),
    verify: [stored.export ? check : `# When the release is there: ${check}`],
  }
}

type Places = Readonly<Record<'media' | 'install' | 'provision', string>>

async function mediaLines({ build, templates }: DryRunRequest, { media }: Places): Promise<string[]> {
  const { spec, packages, rendered } = build
  const { include, exclude } = rendered.compiled.packages
  const input = { spec, packages, include, exclude, hooks: join(templates, 'media') }
  await writeBootstrapFiles(input, media)
  const env = { SOURCE_DATE_EPOCH: String(packages.sourceDateEpoch), PIPELINE_MEDIA: media }
  const { root, kernel, initrd } = mediaResult(media)
  const list = formatCommand(['rdsquashfs', '-l', '/boot', root])
  const unpack = (start: string, to: string) =>
    `rdsquashfs -c "/boot/$(${list} | grep -o '${start}-[^ ]*' | head -n 1)" ${quote(root)} >${quote(to)}`
  const bootstrap = bootstrapCommand(input, media)
  return [
    `${assignments(env)} ${formatCommand(bootstrap)} | ${formatCommand(packCommand(root))}`,
    unpack('vmlinuz', kernel),
    unpack('initrd\\.img', initrd),
  ]
}

async function installLines({ build, acceleration }: DryRunRequest, { media, install }: Places): Promise<string[]> {
  const files = build.rendered.installFiles
  const [tree, image] = [join(install, 'kickstart'), join(install, 'kickstart.img')]
  await writeTree(tree, files)
  const recorder = record()
  await packExt4({ directory: tree, files, image }, recorder.run)
  const template = join(install, 'install.json')
  const input = { spec: build.spec, media: mediaResult(media), kickstartImage: image, directory: install, ...vmOf('install', install) }
  await writeFile(template, renderInstall(build.templates.install, { ...input, acceleration }))
  return [...recorder.lines, ...packerLines(install, template)]
}

/** Stands in the rendered JSON for the public key, which ssh-keygen makes only when the commands are run. */
const keyPlaceholder = 'build-key'

async function provisionLines({ build, acceleration }: DryRunRequest, places: Places): Promise<string[]> {
  const { provision } = places
  const files = build.rendered.provisionFiles
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
    formatCommand(packTar(tree, payload, build.packages.sourceDateEpoch)),
    formatCommand(['ln', '-sf', join(places.install, diskName), base]),
    `sed "s|${placeholder}|$(base64 -w 0 ${quote(`${key}.pub`)})|" ${quote(`${template}.in`)} >${quote(template)}`,
    ...packerLines(provision, template),
  ]
}

/** Without the guard: who pastes the commands ends them, too. */
function vmOf(stage: string, directory: string) {
  return { qemuBinary: 'qemu-system-x86_64', serialLog: serialLogPath(directory, stage) }
}

function packerLines(directory: string, template: string): string[] {
  const options = { env: packerEnvironment(directory), cwd: directory }
  return [
    shellLine(packerValidate(template), options),
    shellLine(packerBuild(template), options),
    formatCommand(['mv', join(directory, packerOutput, diskName), join(directory, diskName)]),
  ]
}

/** Each target exports for real but for its commands, which are written down. */
async function exportLines({ build, directory, templates, signal }: DryRunRequest, { provision }: Places): Promise<string[]> {
  const recorder = record()
  const render = (file: string, data: object) => renderFile({ root: templates, file, data })
  for (const target of build.targets) {
    const into = join(directory, 'export', target.name)
    await mkdir(into, { recursive: true })
    const goldenDisk = { path: join(provision, diskName), format: 'raw' } as const
    const { spec, version, exportOptions: options, packages: { sourceDateEpoch } } = build
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

/** A Run that answers every command with nothing, and keeps it as a line for a shell. */
function record(): { readonly run: Run; readonly lines: string[] } {
  const lines: string[] = []
  const run: Run = async (command, options = {}) => {
    lines.push(shellLine(command, options))
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  return { run, lines }
}

/** What a `Run` would do, for a shell: with its environment, in its folder, fed with its input. */
function shellLine(command: Command, { env = {}, cwd, input }: RunOptions): string {
  const line = [assignments(env), formatCommand(command)].filter(part => part !== '').join(' ')
  const fed = input === undefined ? line : `${line} <<'INPUT'\n${input.replace(/\n?$/, '\n')}INPUT\n`
  return cwd === undefined ? fed.trimEnd() : `(cd ${quote(cwd)} && ${fed})`
}

function assignments(env: Readonly<Record<string, string>>): string {
  return Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`).join(' ')
}

/** One word of a shell command. */
function quote(word: string): string {
  return formatCommand([word])
}
