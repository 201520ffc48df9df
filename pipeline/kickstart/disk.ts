/** Compiles a disk layout: partition table, file systems, mounts and fstab. */
import { shellLine, systemFile } from './area.js'
import type { Area, AreaContext, ImpliedPackage, Step } from './area.js'
import { named } from './read-commands.js'
import type { Commands } from './read-commands.js'
import { deterministicUuid } from './identifiers.js'
import type { FileSystem, Layout, Partition } from './layout.js'

/** GPT types; `root` is the type "Linux root (x86-64)", by which tools find / without fstab. */
const typeUuids = {
  biosboot: '21686148-6449-6E6F-744E-656564454649',
  efi: 'C12A7328-F81F-11D2-BA4B-00A0C93EC93B',
  swap: '0657FD6D-A4AB-43C4-84E5-0933C84B4F4F',
  root: '4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709',
  linux: '0FC63DAF-8483-4772-8E79-3D69D8477DE4',
} as const

const makers: Readonly<Record<Exclude<FileSystem, 'biosboot' | 'swap'>, string>> = {
  ext4: 'e2fsprogs',
  xfs: 'xfsprogs',
  vfat: 'dosfstools',
  efi: 'dosfstools',
}

/** The steps from an empty disk to mounted file systems under the target folder. */
export function compileDisk(layout: Layout, commands: Commands, context: AreaContext): Area {
  const [cleared] = named(commands, 'clearpart', 'zerombr').filter(
    command =>
      command.name === 'zerombr' || command.values.flag('--all') || command.values.flag('--initlabel')
  )
  const first = layout.partitions.reduce((a, b) => (b.place.line < a.place.line ? b : a))
  const partition: Step = {
    place: context.shownPlace(first.place),
    what: 'partition the target disk',
    lines: [
      'find_target_disk',
      cleared ? 'clear_disk' : 'refuse_used_disk',
      'sfdisk --quiet "$disk" < "$kickstart/layout.sfdisk"',
      shellLine('wait_for_partitions', ...layout.partitions.map(({ number }) => `${number}`)),
    ],
  }
  const make = layout.partitions
    .filter(part => part.fileSystem !== 'biosboot')
    .map(part => makeStep(part, context))
  return {
    steps: [partition, ...make, mountStep(layout, context)],
    files: { 'layout.sfdisk': sfdiskInput(layout) },
    needs: diskNeeds(layout),
  }
}

/** What `sfdisk` reads: sizes in MiB, 1 MiB aligned; a size left out is all that is left. */
function sfdiskInput(layout: Layout): string {
  let startMib = 1
  const lines = layout.partitions.map(part => {
    const size = part.grow ? '' : `size=${part.sizeMib}MiB, `
    const line = `start=${startMib}MiB, ${size}type=${typeUuid(part)}, uuid=${part.partitionUuid.toUpperCase()}, name="${part.label ?? part.mountPoint}"`
    startMib += part.sizeMib
    return line
  })
  return `${['label: gpt', `label-id: ${layout.diskUuid.toUpperCase()}`, '', ...lines].join('\n')}\n`
}

function typeUuid(part: Partition): string {
  if (part.mountPoint === '/') return typeUuids.root
  if (part.fileSystem === 'biosboot' || part.fileSystem === 'efi' || part.fileSystem === 'swap')
    return typeUuids[part.fileSystem]
  return typeUuids.linux
}

function makeStep(part: Partition, context: AreaContext): Step {
  const what = `make the file system of ${part.mountPoint}`
  return {
    place: context.shownPlace(part.place),
    what,
    lines: [`${makeLine(part, context.seed)} "$(partition ${part.number})"`],
  }
}

/** All identity is given: UUIDs, the seed of ext4's directory hashes, FAT's volume id and time. */
function makeLine(part: Partition, seed: string): string {
  const uuid = part.fileSystemUuid ?? ''
  const label = part.label === undefined ? [] : ['-L', part.label]
  if (part.fileSystem === 'swap') return shellLine('mkswap', '-q', '-U', uuid, ...label)
  if (part.fileSystem === 'xfs')
    return shellLine('mkfs.xfs', '-q', '-f', '-K', '-m', `uuid=${uuid}`, ...label)
  if (part.fileSystem === 'ext4') {
    const hashSeed = deterministicUuid(seed, `hash seed ${part.number}`)
    return `${shellLine('mkfs.ext4', '-q', '-F', '-U', uuid, ...label)} -E "hash_seed=${hashSeed},$ext4_options"`
  }
  const name = part.label === undefined ? [] : ['-n', part.label]
  const fat32 = part.fileSystem === 'efi' ? ['-F', '32'] : []
  return `${shellLine('mkfs.vfat', '--invariant', ...fat32, '-i', uuid.replace('-', ''), ...name)} >/dev/null`
}

function mounted(layout: Layout): Partition[] {
  const points = layout.partitions.filter(part => part.mountPoint.startsWith('/'))
  return points.toSorted((a, b) => (a.mountPoint < b.mountPoint ? -1 : 1))
}

function mountStep(layout: Layout, context: AreaContext): Step {
  const parts = mounted(layout)
  return {
    place: rootPlace(layout, context),
    what: 'mount the file systems',
    lines: parts.map(part => `mount_target "$(partition ${part.number})" ${shellLine(part.mountPoint)}`),
  }
}

/** The image's fstab; its own area because it is written after the copy. */
export function compileFstab(layout: Layout, context: AreaContext): Area {
  const { files, line } = systemFile('etc/fstab', fstabText(layout))
  return { files, steps: [{ place: rootPlace(layout, context), what: 'write fstab', lines: [line] }] }
}

function rootPlace(layout: Layout, context: AreaContext): string {
  const root = layout.partitions.find(part => part.mountPoint === '/') as Partition
  return context.shownPlace(root.place)
}

/** fstab by UUID: device names differ between hypervisors. */
function fstabText(layout: Layout): string {
  const swaps = layout.partitions.filter(part => part.fileSystem === 'swap')
  const lines = [...mounted(layout), ...swaps].map(part => {
    const { point, type, options, pass } = fstabFields(part)
    return [`UUID=${part.fileSystemUuid}`, point, type, options, '0', pass].join(' ')
  })
  return `${['# <file system> <mount point> <type> <options> <dump> <pass>', ...lines].join('\n')}\n`
}

/**
 * The running system needs nothing of the ESP: where its device comes late (an emulated processor under Xen, a slow disk)
 * or its file system is damaged, systemd would end the boot in a shell that nobody can open.
 */
const espOptions = 'umask=0077,nofail'

function fstabFields(part: Partition): { point: string; type: string; options: string; pass: string } {
  const fat = part.fileSystem === 'vfat' || part.fileSystem === 'efi'
  const usual =
    part.fileSystem === 'swap'
      ? 'sw'
      : part.fileSystem === 'efi'
        ? espOptions
        : part.mountPoint === '/' && part.fileSystem === 'ext4'
          ? 'errors=remount-ro'
          : 'defaults'
  return {
    point: part.fileSystem === 'swap' ? 'none' : part.mountPoint,
    type: fat ? 'vfat' : part.fileSystem,
    options: part.mountOptions ?? usual,
    pass: part.fileSystem === 'ext4' ? (part.mountPoint === '/' ? '1' : '2') : fat ? '2' : '0',
  }
}

function diskNeeds(layout: Layout): ImpliedPackage[] {
  const fileSystems = new Set(layout.partitions.map(part => part.fileSystem))
  const tools = [...fileSystems].flatMap(name =>
    name in makers
      ? [{ name: makers[name as keyof typeof makers], reason: `makes and checks ${name} file systems` }]
      : []
  )
  return [{ name: 'fdisk', reason: 'partitions the disk (sfdisk)' }, ...tools]
}
