/** Makes an installer of an el appliance: its boot ISO with our kickstarts, payload and menus, bootable by BIOS and UEFI. */
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { renderTemplate } from '../render/engine.js'
import type { RenderedFile } from '../render/files.js'
import type { RenderedRole } from '../render/el.js'
import type { Spec } from '../spec/types.js'
import { syncFile } from '../tools/atomic-file.js'
import type { Command, Run } from '../tools/command.js'
import { mediumArguments } from './anaconda-arguments.js'
import { writeTree } from './file-tree.js'
import { requireFit, requireRoomFor } from './iso-fit.js'
import { extractFromIso, requireRelease } from './installer-medium.js'

export interface IsoRequest {
  readonly spec: Spec
  /** The compared boot ISO. */
  readonly medium: string
  readonly roles: readonly RenderedRole[]
  /** first-boot/** and provision/*.sh. */
  readonly payload: readonly RenderedFile[]
  readonly output: string
  /** Installs the appliance's own role without a key being pressed. */
  readonly unattended: boolean
  /** What fits on the disc or stick; absent: anything. */
  readonly limitMib?: number
  /** Folder with all packages, for `/evc/bundle`. */
  readonly bundle?: string
}

export interface IsoTemplates {
  readonly isolinux: string
  readonly grub: string
  /** Commands of GRUB that start the machine's own disk by UEFI. */
  readonly startLocalDisk: string
}

/** The volume's name: boot arguments find the medium by it. A disk with first-boot settings is `EVC`. */
export const isoVolume = 'EVC_INSTALL'

/** Seconds until the first entry is taken. */
const menuSeconds = 60

/** Writes `output`, whole or not at all. Errors: `installer-foreign`, `installer-of-other-release`, `iso-will-not-fit` (exit 2), `iso-too-large` (4), those of Run. */
export async function makeIso(request: IsoRequest, templates: IsoTemplates, run: Run): Promise<void> {
  await requireRoomFor([request.medium, ...(request.bundle === undefined ? [] : [request.bundle])], request.limitMib)
  await mkdir(dirname(request.output), { recursive: true })
  const scratch = await mkdtemp(join(dirname(request.output), `.${basename(request.output)}.`))
  try {
    const tree = await layOut(request, { templates, scratch }, run)
    const iso = join(scratch, 'new.iso')
    await run(composeCommand(request.medium, iso, tree), { reason: 'write the ISO' })
    // Anaconda's own check of the medium reads this digest.
    await run(['implantisomd5', '--force', iso], { reason: 'embed the checksum' })
    await requireFit(iso, request.limitMib)
    await syncFile(iso)
    await rename(iso, request.output)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

interface Workshop {
  readonly templates: IsoTemplates
  readonly scratch: string
}

/** Paths on this disk by path on the ISO: what is added and what is replaced. */
async function layOut(request: IsoRequest, { templates, scratch }: Workshop, run: Run): Promise<Readonly<Record<string, string>>> {
  const file = (name: string) => join(scratch, name)
  const taken = { '/.treeinfo': file('treeinfo'), '/images/efiboot.img': file('efiboot.img'), '/isolinux/isolinux.cfg': file('isolinux.cfg') }
  await extractFromIso({ path: request.medium }, taken, run)
  await requireRelease(file('treeinfo'), { source: request.medium, release: request.spec.release })
  const data = menuData(request)
  await replace(file('isolinux.cfg'), renderTemplate({ file: 'templates/iso/isolinux.cfg.hbs', text: templates.isolinux, data }))
  await writeFile(file('grub.cfg'), renderTemplate({ file: 'templates/iso/grub.cfg.hbs', text: templates.grub, data: { ...data, startLocalDisk: templates.startLocalDisk } }))
  // UEFI starts from the FAT image, and its boot loader reads the menu that is in there.
  await chmod(file('efiboot.img'), 0o644)
  await run(['mcopy', '-o', '-i', file('efiboot.img'), file('grub.cfg'), '::/EFI/BOOT/grub.cfg'], { reason: 'write the UEFI menu' })
  await writeTree(file('evc'), [
    ...request.roles.map(({ name, kickstart }) => ({ path: `${name}.ks`, mode: 0o644, content: Buffer.from(kickstart) })),
    ...request.payload.map(each => ({ ...each, path: `provision/${each.path}` })),
  ])
  return {
    '/images/efiboot.img': file('efiboot.img'),
    '/isolinux/isolinux.cfg': file('isolinux.cfg'),
    '/EFI/BOOT/grub.cfg': file('grub.cfg'),
    '/evc': file('evc'),
    ...(request.bundle === undefined ? {} : { '/evc/bundle': request.bundle }),
  }
}

/** Files of an ISO come out read-only. */
async function replace(path: string, text: string): Promise<void> {
  await chmod(path, 0o644)
  await writeFile(path, text)
}

/** Boot records stay as they are on the medium, the hybrid ones too; only the files they lead to change. */
export function composeCommand(medium: string, iso: string, tree: Readonly<Record<string, string>>): Command {
  return [
    'xorriso', '-indev', medium, '-outdev', iso, '-volid', isoVolume, '-boot_image', 'any', 'replay', '-joliet', 'on',
    '-overwrite', 'on', ...Object.entries(tree).flatMap(([inside, outside]) => ['-map', outside, inside]), '-commit',
  ]
}

/** What the menus say. The first entry is the one that is taken when nobody presses a key. */
export function menuData({ spec, roles, unattended }: Pick<IsoRequest, 'spec' | 'roles' | 'unattended'>): object {
  const own = spec.kickstart.replace(/\.ks(\.hbs)?$/, '')
  const ordered = [...roles].sort((a, b) => Number(b.name === own) - Number(a.name === own))
  return {
    title: spec.title,
    version: spec.version,
    volume: isoVolume,
    unattended,
    first: unattended ? own : 'local',
    timeoutSeconds: menuSeconds,
    timeoutTenths: menuSeconds * 10,
    entries: ordered.map(({ name }) => ({
      name,
      label: `Install ${name}: erases the disk`,
      arguments: mediumArguments(spec.release, { volume: isoVolume, role: name }),
    })),
  }
}

/** The templates of both kinds of installers, from the project's folder of templates. */
export async function readIsoTemplates(templates: string) {
  const read = (name: string) => readFile(join(templates, 'iso', name), 'utf8')
  const startLocalDisk = (await read('local-disk.cfg')).trimEnd()
  return {
    startLocalDisk,
    isolinux: await read('isolinux.cfg.hbs'),
    grub: await read('grub.cfg.hbs'),
    chooseDisk: await read('choose-disk.sh'),
    disk: { grub: await read('disk-grub.cfg.hbs'), init: await read('disk-installer'), startLocalDisk },
  }
}
