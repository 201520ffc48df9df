/** `pipeline iso`: an installer for bare metal: of a golden disk, or of a boot ISO whose checksum was compared. */
import { mkdir, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { bundleNeedless, diskRuleMissing, diskRuleWrong, isoFromTree } from '../errors/iso.js'
import { renderPayload } from '../render/appliance.js'
import { elData, renderRoles } from '../render/el.js'
import { openHost } from '../run/host.js'
import { loadAppliance } from '../spec/load.js'
import { isIso } from '../spec/mirrored.js'
import type { LoadedAppliance } from '../spec/types.js'
import { makeIso, readIsoTemplates } from '../stages/installer-iso.js'
import { obtainMedium } from '../stages/installer-medium.js'
import { leastDiskInstallerBytes, requireRoom, requireRoomFor } from '../stages/iso-fit.js'
import { makeBundle, seenInBundle } from '../stages/package-bundle.js'
import { askRepositories, wantedPackages } from '../stages/repositories.js'
import type { StageContext } from '../stages/types.js'
import { makeDiskInstaller } from '../stages/disk-installer.js'
import { defaultExportOptions, loadTargets } from '../targets/index.js'
import { childPath } from '../tools/child-env.js'
import { checkTools, needOf } from '../tools/need.js'
import { withGoldenDisk } from './build.js'
import { printLine } from './io.js'
import type { CommandIo } from './io.js'
import { defaultTarget } from './options.js'
import type { BuildOptions, PlaceOptions } from './options.js'
import { placesOf } from './places.js'

export interface IsoOptions extends PlaceOptions {
  readonly set: readonly string[]
  readonly accel: BuildOptions['accel']
  readonly wait: boolean
  readonly mirror?: string
  readonly offline?: boolean
  readonly output?: string
  readonly unattended?: boolean
  readonly disk?: string
  readonly bundle?: boolean
  readonly fit?: number
}

/** Time to switch the machine off, when nobody was asked. */
const countdownSeconds = 30

/** Prints the ISO's path. Errors: of spec and kickstarts, of the medium (exit 2, 4), of the build (2 to 4), `tool-missing` (3). */
export async function runIso(appliance: string, options: IsoOptions, io: CommandIo): Promise<void> {
  const places = placesOf(options)
  const diskRule = ruleOf(options)
  const knownTargets = (await loadTargets()).map(target => target.name)
  const loaded = await loadAppliance({ root: places.root, name: appliance, set: options.set, knownTargets })
  await (loaded.spec.family === 'el' ? elInstaller : diskInstaller)(loaded, { options, diskRule }, io)
}

interface Wish {
  readonly options: IsoOptions
  readonly diskRule: string
}

/** The appliance's own disk on a medium, with a system that writes it: the build makes it, or the store has it. */
async function diskInstaller({ spec }: LoadedAppliance, { options, diskRule }: Wish, io: CommandIo): Promise<void> {
  if (options.bundle) throw bundleNeedless(spec.name)
  requireRoom(leastDiskInstallerBytes, options.fit)
  const places = placesOf(options)
  await checkTools(diskInstallerFiles.map(file => needOf(file)), childPath(io.env))
  const templates = await readIsoTemplates(places.templates)
  const building = { ...options, target: [defaultTarget], ovaManifest: defaultExportOptions.ovaManifest }
  await withGoldenDisk(spec.name, { options: building, io }, async ({ session, golden }) => {
    const { build, host } = session
    const output = resolve(options.output ?? join(places.artifacts, `${spec.name}-${build.version}.iso`))
    const unattended = options.unattended ?? false
    const request = { spec, version: build.version, disk: golden.disk, output, unattended, diskRule, countdownSeconds: unattended ? countdownSeconds : 0 }
    const progress = (line: string) => void io.stderr.write(`iso: ${line}\n`)
    await makeDiskInstaller({ ...request, ...fitOf(options) }, { ...templates.disk, chooseDisk: templates.chooseDisk }, { run: host.run, progress })
    printLine(io, output)
  })
}

const diskInstallerFiles = ['grub-mkrescue', '/usr/lib/grub/i386-pc/cdboot.img', '/usr/lib/grub/x86_64-efi/moddep.lst', 'xorriso', 'implantisomd5', 'mcopy', 'bsdtar']

/** Anaconda's boot ISO with our kickstarts. */
async function elInstaller(loaded: LoadedAppliance, { options, diskRule }: Wish, io: CommandIo): Promise<void> {
  const places = placesOf(options)
  const { spec } = loaded
  if (!isIso(spec.el)) throw isoFromTree(spec.el.installerUrl)
  const files = ['xorriso', 'implantisomd5', 'mcopy', ...(options.bundle ? ['dnf', 'createrepo_c', 'rpmkeys', 'gpg'] : [])]
  await checkTools(files.map(file => needOf(file)), childPath(io.env))
  const output = resolve(options.output ?? join(places.artifacts, `${spec.name}-${spec.version}.iso`))
  const host = openHost(io, places.state)
  try {
    const parts = await partsOf(loaded, { ...options, diskRule, templates: places.templates })
    const progress = (line: string) => void io.stderr.write(`${line}\n`)
    const medium = await obtainMedium({ spec, cache: join(places.state, 'installer'), signal: host.signal, progress })
    // Before packages are downloaded for it.
    await requireRoomFor([medium], options.fit)
    const bundle = options.bundle ? await bundled({ loaded, medium }, places.state, { ...host, progress, logDirectory: join(places.state, 'logs') }) : undefined
    const request = { ...parts, spec, medium, output, unattended: options.unattended ?? false, ...fitOf(options) }
    await makeIso({ ...request, ...(bundle === undefined ? {} : { bundle }) }, parts.templates, host.run)
    printLine(io, output)
  } finally {
    host.close()
    if (options.bundle) await rm(bundleFolder(places.state), { recursive: true, force: true })
  }
}

function bundleFolder(state: string): string {
  return join(state, `bundle-${process.pid}`)
}

/** Repositories and keys are asked first: what is missing is told before hours of downloading. */
async function bundled({ loaded, medium }: { readonly loaded: LoadedAppliance; readonly medium: string }, state: string, context: StageContext): Promise<string> {
  const { spec } = loaded
  const packages = [...new Set((await renderRoles(loaded)).flatMap(({ kickstart }) => wantedPackages(kickstart)))].sort()
  const demoImage = spec.el.demoImageUrl !== ''
  await askRepositories({ spec, packages, demoImage, stateDirectory: state, offline: false, signal: context.signal }, context.run)
  const directory = bundleFolder(state)
  await mkdir(directory, { recursive: true })
  await makeBundle({ spec, packages, medium }, context, directory)
  return directory
}

function fitOf({ fit }: IsoOptions): { limitMib?: number } {
  return fit === undefined ? {} : { limitMib: fit }
}

/** Without --unattended somebody chooses an entry of the menu, and the only disk is meant. */
function ruleOf({ unattended, disk }: IsoOptions): string {
  if (unattended && disk === undefined) throw diskRuleMissing()
  const rule = disk ?? 'only'
  if (!/^[A-Za-z0-9][A-Za-z0-9._:+-]*$/.test(rule)) throw diskRuleWrong(rule)
  return rule
}

interface PartsOptions extends IsoOptions {
  readonly diskRule: string
  readonly templates: string
}

async function partsOf(loaded: LoadedAppliance, { diskRule, unattended, bundle, templates: folder }: PartsOptions) {
  const templates = await readIsoTemplates(folder)
  const { spec, directory } = loaded
  const roles = await renderRoles(loaded, { ...(bundle ? { seen: seenInBundle(spec.el) } : {}), iso: {
    bundle: bundle ?? false,
    diskRule,
    countdownSeconds: unattended ? countdownSeconds : 0,
    chooseDisk: templates.chooseDisk.trimEnd(),
  } })
  return { templates, roles, payload: await renderPayload(directory, elData(spec)) }
}
