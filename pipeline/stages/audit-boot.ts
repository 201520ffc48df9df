/** Audit: whether the disk will boot on every target, by either firmware, and set itself up. */
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { readInitramfs } from '../tools/initramfs.js'
import type { Initramfs } from '../tools/initramfs.js'
import type { AuditCheck } from './audit-leftovers.js'
import type { SealedDisk } from './sealed-disk.js'

const modulesFolder = '/usr/lib/modules'
/** Debian's name, and dracut's; the rescue system that dracut may add boots no copy. */
const initrdName = /^\/boot\/(?:initrd\.img-(?<debian>.+)|initramfs-(?!0-rescue-)(?<el>.+)\.img)$/

export interface Kernel {
  /** `6.12.0-1-amd64` */
  readonly release: string
  readonly initramfs: Initramfs
  /** Names of the modules built into the kernel, of those in the initramfs, and of those on the disk. */
  readonly builtIn: ReadonlySet<string>
  readonly early: ReadonlySet<string>
  readonly onDisk: ReadonlySet<string>
  /** modules.alias in the initramfs and on the disk. */
  readonly earlyAliases: string
  readonly diskAliases: string
}

/** Every kernel in /boot with what it carries. Errors: those of Run. */
export async function readKernels(disk: SealedDisk): Promise<readonly Kernel[]> {
  const kernels: Kernel[] = []
  for (const { path } of disk.below('/boot')) {
    const { debian, el } = initrdName.exec(path)?.groups ?? {}
    const release = debian ?? el
    if (release === undefined) continue
    const [builtInPath, aliasPath] = ['builtin', 'alias'].map(kind => `${modulesFolder}/${release}/modules.${kind}`) as [string, string]
    const files = await disk.root.readFiles([builtInPath, aliasPath])
    const copy = join(disk.directory, `initramfs-${release}`)
    await disk.root.copyOut(path, copy)
    const initramfs = await readInitramfs(copy, copy, disk.run)
    kernels.push({
      release,
      initramfs,
      builtIn: moduleNames((files.get(builtInPath)?.toString('utf8') ?? '').split('\n')),
      early: moduleNames(initramfs.names),
      onDisk: moduleNames(disk.below(`${modulesFolder}/${release}`).map(entry => entry.path)),
      earlyAliases: (await initramfs.read(aliasPath.slice(1)))?.toString('utf8') ?? '',
      diskAliases: files.get(aliasPath)?.toString('utf8') ?? '',
    })
  }
  return kernels
}

/** `kernel/drivers/net/virtio-net.ko.xz` is virtio_net: to the kernel, dash and underscore are one. */
function moduleNames(files: readonly string[]): ReadonlySet<string> {
  return new Set(files.flatMap(file => /([^/]+)\.ko(?:\.(?:xz|zst|gz))?$/.exec(file)?.[1] ?? []).map(kernelName))
}

export function kernelName(module: string): string {
  return module.replaceAll('-', '_')
}

export interface DriverNeeds {
  /** Modules that must be in every initramfs. */
  readonly drivers: readonly string[]
  /** Modules that must be on the disk. */
  readonly modules: readonly string[]
}

/** Missing modules by kernel. */
export function missingDrivers(kernels: readonly Kernel[], needs: DriverNeeds): string[] {
  if (kernels.length === 0) return ['there is no /boot/initrd.img-* and no /boot/initramfs-*.img']
  return kernels.flatMap(kernel => [
    ...needs.drivers
      .map(kernelName)
      .filter(name => !kernel.builtIn.has(name) && !kernel.early.has(name))
      .map(name => `${name} is not in the initramfs of ${kernel.release}`),
    ...needs.modules
      .map(kernelName)
      .filter(name => !kernel.builtIn.has(name) && !kernel.onDisk.has(name))
      .map(name => `${name} is not on the disk for ${kernel.release}`),
  ])
}

export const bootChecks: Readonly<Record<string, AuditCheck>> = {
  'boots by BIOS': biosProblems,
  'boots by UEFI': async disk =>
    (await disk.espPaths()).includes('/EFI/BOOT/BOOTX64.EFI') ? [] : ['\\EFI\\BOOT\\BOOTX64.EFI is not on an EFI system partition'],
  'file systems are found by UUID or label': async disk => {
    const lines = (await disk.readText('/etc/fstab')).split('\n').filter(line => /^\s*[^#\s]/.test(line))
    const byName = lines.filter(line => /^\s*\/dev\/(?!disk\/by-(uuid|label|partuuid|partlabel)\/)/.test(line))
    const root = lines.some(line => line.trim().split(/\s+/)[1] === '/') ? [] : ['/etc/fstab has no entry for /']
    return [...root, ...byName.map(line => `/etc/fstab: ${line.trim()}`)]
  },
  'GRUB finds the root by UUID': async disk => {
    const menus = await menusOf(disk)
    const empty = menus.filter(menu => menu.firmware === 'BIOS' && menu.kernels.length === 0).map(({ name }) => `${name} starts no kernel`)
    return [...empty, ...linesWhere(menus, line => !/\sroot=(UUID|LABEL|PARTUUID)=/.test(line)).map(({ name, line }) => `${name}: ${line}`)]
  },
  'GRUB knows the commands of its menu': async disk =>
    linesWhere(await menusOf(disk), (line, { firmware }) => new RegExp(`^${foreignCommand[firmware]}\\s`).test(line)).map(
      ({ name, firmware }) => `${name}: GRUB for ${firmware} has no ${foreignCommand[firmware]}`
    ),
  'first boot is enabled': firstBootProblems,
}

type Firmware = 'BIOS' | 'UEFI'

/** RHEL's grub2-mkconfig writes these under the other firmware. */
const foreignCommand: Readonly<Record<Firmware, string>> = { BIOS: 'linuxefi', UEFI: 'linux16' }

interface Menu {
  readonly name: string
  readonly firmware: Firmware
  /** Lines that load a kernel. */
  readonly kernels: readonly string[]
}

function menu(name: string, firmware: Firmware, text: string): Menu {
  return { name, firmware, kernels: [...text.matchAll(/^\s*(linux(?:16|efi)?\s.*)$/gm)].map(([, line = '']) => line.trim()) }
}

/** The menu of BIOS, and those that UEFI comes to from its partition: files there, and what they hand over to. */
async function menusOf(disk: SealedDisk): Promise<readonly Menu[]> {
  // RHEL calls GRUB's second generation by its number.
  const common = disk.at('/boot/grub2/grub.cfg') ? '/boot/grub2/grub.cfg' : '/boot/grub/grub.cfg'
  const paths = (await disk.espPaths()).filter(path => path.endsWith('/GRUB.CFG'))
  const found = await Promise.all(paths.map(async path => ({ path, text: await disk.espText(path) })))
  const led = [...new Set(found.flatMap(({ text }) => [...text.matchAll(/^\s*configfile\s+(\/\S+)/gm)].map(([, path = '']) => path)))]
  const onRoot = led.filter(path => disk.at(path) !== undefined)
  return [
    menu(common, 'BIOS', await disk.readText(common)),
    ...found.map(({ path, text }) => menu(`${path} of the EFI system partition`, 'UEFI', text)),
    ...(await Promise.all(onRoot.map(async path => menu(path, 'UEFI', await disk.readText(path))))),
  ]
}

function linesWhere(menus: readonly Menu[], wrong: (line: string, menu: Menu) => boolean) {
  return menus.flatMap(each => each.kernels.filter(line => wrong(line, each)).map(line => ({ name: each.name, firmware: each.firmware, line })))
}

async function biosProblems(disk: SealedDisk): Promise<string[]> {
  const partition = disk.layout.partitions.find(({ kind }) => kind === 'bios-boot')
  if (!partition) return ['there is no BIOS boot partition']
  const core = Buffer.alloc(512)
  const file = await open(disk.path, 'r')
  await file.read(core, 0, core.length, partition.startBytes).finally(() => file.close())
  return [
    ...(disk.layout.bootCode.includes('GRUB') ? [] : ['the first sector holds no boot code of GRUB']),
    ...(core.some(byte => byte !== 0) ? [] : [`the BIOS boot partition (${partition.number}) is empty`]),
  ]
}

const engine = '/usr/lib/evc/first-boot'

/** The unit may have any name: what counts is that an enabled one starts the engine. */
async function firstBootProblems(disk: SealedDisk): Promise<string[]> {
  const program = disk.at(engine)
  if (program?.type !== 'file' || (program.mode & 0o111) === 0) return [`${engine} is not there or not executable`]
  const wanted = disk.below('/etc/systemd/system').flatMap(({ path }) => /\.(?:wants|requires)\/([^/]+\.service)$/.exec(path)?.[1] ?? [])
  const candidates = wanted.flatMap(unit => ['/etc', '/usr/lib'].map(top => `${top}/systemd/system/${unit}`))
  const units = await disk.root.readFiles([...new Set(candidates)].filter(path => disk.at(path)?.type === 'file'))
  const starts = [...units.values()].some(text => new RegExp(`^ExecStart=${engine}\\b`, 'm').test(text.toString('utf8')))
  return starts ? [] : [`no enabled unit of systemd starts ${engine}`]
}
