/** install of the el family: boots Anaconda's kernel in a builder VM, where the kickstart writes the base disk, unattended. */
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { renderTemplate } from '../render/engine.js'
import type { Spec } from '../spec/types.js'
import { generationOf } from '../spec/el-rules.js'
import { isIso, mirrored, seenByGuest } from '../spec/mirrored.js'
import type { Acceleration } from '../tools/acceleration.js'
import type { Command } from '../tools/command.js'
import { escapeOption } from '../tools/qemu.js'
import { packerPairs, vmArguments } from '../tools/vm-arguments.js'
import { anacondaArguments } from './anaconda-arguments.js'
import { diskName, packerOutput, packerSeconds, serialLogPath, serialToFile } from './builder-vm.js'
import { elMedia } from './el-media.js'
import type { DiskResult } from './install.js'
import { runPackerVm } from './packer-vm.js'
import type { VmContext } from './types.js'

/** Anaconda's own system, fetched over HTTP, lies in memory: below 2 GiB it does not start. */
const memoryMib = 3072

/** From the first word of trouble to the end of the VM: the lines that explain come in between. */
const endAfterTroubleMs = 15_000

export const kickstartName = 'ks.cfg'

/** Read by the guest through Packer: its HTTP server is known when the VM starts. */
const packerServer = 'http://{{ .HTTPIP }}:{{ .HTTPPort }}'

export interface ElInstallInput {
  readonly spec: Spec
  /** Folder of the media stage. */
  readonly media: string
  /** The appliance's role, one file. */
  readonly kickstart: string
}

/** Writes `disk.raw` into `directory`. Errors: `installer-stopped`, `builder-vm-failed`, `builder-vm-timeout` (exit 4). */
export async function elInstall(input: ElInstallInput, templateText: string, context: VmContext, directory: string): Promise<DiskResult> {
  const { spec } = input
  const places = elInstallPlaces(directory)
  await layOutServed(input, places)
  if (spec.el.kickstartBy === 'disk') await context.run(oemdrvCommand(places), { reason: 'make the kickstart disk' })
  const stage2 = await readFile(elMedia(input.media).stage2Name, 'utf8')
  const template = renderElInstall(templateText, {
    spec, media: input.media, stage2, directory,
    serialLog: serialLogPath(context.logDirectory, 'install'),
    qemuBinary: context.qemuBinary,
    acceleration: context.acceleration,
  })
  const seconds = spec.timeouts.installSeconds * context.acceleration.timeoutFactor
  const vm = { stage: 'install', template, directory, seconds, announcesEnd: true, endAfterTroubleMs } as const
  const disk = await runPackerVm(vm, context)
  await Promise.all([places.served, places.oemdrv, places.kickstartFolder].map(path => rm(path, { recursive: true, force: true })))
  return { disk }
}

export interface ElInstallPlaces {
  /** What Packer's HTTP server gives. */
  readonly served: string
  readonly kickstartFolder: string
  readonly oemdrv: string
}

export function elInstallPlaces(directory: string): ElInstallPlaces {
  return { served: join(directory, 'served'), kickstartFolder: join(directory, 'kickstart'), oemdrv: join(directory, 'oemdrv.iso') }
}

/** The kickstart by the way that was chosen, and the installer's own system of a tree. Both are in the store: links take no room. */
export async function layOutServed({ spec, media, kickstart }: ElInstallInput, places: ElInstallPlaces): Promise<void> {
  const { served, stage2Name } = elMedia(media)
  await Promise.all([places.served, places.kickstartFolder].map(folder => mkdir(folder, { recursive: true })))
  await writeFile(join(spec.el.kickstartBy === 'disk' ? places.kickstartFolder : places.served, kickstartName), kickstart)
  const stage2 = await readFile(stage2Name, 'utf8').catch(() => '')
  for (const name of stage2 === '' ? [] : ['.treeinfo', stage2]) {
    await mkdir(dirname(join(places.served, name)), { recursive: true })
    await rm(join(places.served, name), { force: true })
    await link(join(served, name), join(places.served, name))
  }
}

/** Anaconda looks for this label by itself. Fixed times: equal kickstarts give an equal disk. */
export function oemdrvCommand({ kickstartFolder, oemdrv }: Pick<ElInstallPlaces, 'kickstartFolder' | 'oemdrv'>): Command {
  return ['xorriso', '-as', 'mkisofs', '-quiet', '-o', oemdrv, '-V', 'OEMDRV', '-R', '-J', '--set_all_file_dates', '=1', kickstartFolder]
}

export interface ElInstallTemplateInput {
  readonly spec: Spec
  /** Folder of the media stage. */
  readonly media: string
  /** Path of the installer's own system in the tree; empty for an ISO. */
  readonly stage2: string
  readonly directory: string
  readonly serialLog: string
  readonly qemuBinary: string
  readonly acceleration: Acceleration
}

/** The Packer JSON of this stage. Errors: those of the template engine. */
export function renderElInstall(text: string, input: ElInstallTemplateInput): string {
  const { spec, acceleration } = input
  const media = elMedia(input.media)
  const places = elInstallPlaces(input.directory)
  const byDisk = spec.el.kickstartBy === 'disk'
  const data = {
    accelerator: acceleration.kind,
    qemuBinary: input.qemuBinary,
    diskName,
    diskSize: `${spec.hardware.diskGib}G`,
    timeout: packerSeconds(spec.timeouts.installSeconds, acceleration),
    vmArguments: packerPairs(vmArguments(acceleration, { cpus: spec.hardware.cpus, memoryMib })),
    served: places.served,
    cdrom: isIso(spec.el) ? readOnly('installer', media.iso, 'media=cdrom') : null,
    oemdrv: byDisk ? readOnly('oemdrv', places.oemdrv, 'readonly=on') : null,
    // Packer wants a medium of its own, whatever the arguments below attach.
    paths: { medium: media.kernel, kernel: media.kernel, initrd: media.initrd, output: join(input.directory, packerOutput) },
    kernelArguments: argumentsOf(spec, input.stage2),
    serial: serialToFile(input.serialLog),
  }
  return renderTemplate({ file: 'templates/packer/anaconda.json.hbs', text, data })
}

/** A tree's packages come from the tree; its installer's own system was compared and comes from here. */
function argumentsOf({ el, release }: Spec, stage2: string): string {
  const kickstart = el.kickstartBy === 'disk' ? {} : { kickstart: `${packerServer}/${kickstartName}` }
  if (isIso(el)) return anacondaArguments({ release, ...kickstart, from: { kind: 'cdrom' } })
  // RHEL 6 wants the file, later ones the folder in which .treeinfo names it.
  const at = generationOf(release) < 7 ? `${packerServer}/${stage2}` : packerServer
  return anacondaArguments({ release, ...kickstart, from: { kind: 'tree', tree: seenByGuest(mirrored(el.installerUrl, el.mirror)), stage2: at } })
}

function readOnly(id: string, path: string, more: string): string {
  return `file=${escapeOption(path)},if=none,id=${id},format=raw,${more}`
}
