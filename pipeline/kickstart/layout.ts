/** Lays out the target disk: which partitions, in which order, of which type and identity. */
import { kickstartRule, kickstartValue } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { named } from './read-commands.js'
import type { Commands, ReadCommand } from './read-commands.js'
import { deterministicUuid, deterministicVolumeId } from './identifiers.js'
import { partProblems, together } from './layout-rules.js'
import { formatPlace } from './types.js'
import type { Place } from './types.js'

export type FileSystem = 'ext4' | 'xfs' | 'vfat' | 'efi' | 'biosboot' | 'swap'

/** A partition as the kickstart asks for it. */
export interface Wanted {
  readonly place: Place
  /** Absolute, or `swap` or `biosboot`. */
  readonly mountPoint: string
  readonly fileSystem: FileSystem
  /** MiB; of a growing partition the least. */
  readonly sizeMib: number
  readonly grow: boolean
  readonly label: string | undefined
  readonly mountOptions: string | undefined
}

export interface Partition extends Wanted {
  /** From 1, in the order on the disk. */
  readonly number: number
  /** Of the partition table's entry. */
  readonly partitionUuid: string
  /** Of the file system, as fstab writes it; undefined for a BIOS boot partition. */
  readonly fileSystemUuid: string | undefined
}

export interface Layout {
  readonly diskUuid: string
  readonly partitions: readonly Partition[]
}

/** Least disk that holds the layout, in MiB: the partitions and 1 MiB for each copy of the partition table. */
export function layoutMib(layout: Layout): number {
  return layout.partitions.reduce((sum, { sizeMib }) => sum + sizeMib, 2)
}

const espMib = 128
const bootMib = 1024
/** What a root of unknown content gets at least with autopart; it grows to the disk's end. */
const autopartRootMib = 2048

/**
 * The layout that part, reqpart and autopart describe, or the problems with it. reqpart makes a BIOS boot
 * partition and an ESP, so that the disk boots by either firmware; autopart makes these and one root.
 */
export function planLayout(
  commands: Commands,
  { file, seed }: { file: string; seed: string }
): { layout?: Layout; problems: readonly PipelineError[] } {
  const parts = named(commands, 'part')
  const [auto] = named(commands, 'autopart')
  const first = parts[0] ?? auto
  if (!first) {
    const hint = 'Add reqpart and part / --fstype=ext4 --size=2048 --grow, or autopart --type=plain.'
    return {
      problems: [
        kickstartRule(
          `${file}:1`,
          'the kickstart lays out no disk: it has neither part nor autopart',
          hint
        ),
      ],
    }
  }
  if (auto && parts[0]) {
    const problem = `part and autopart exclude each other, and autopart is at ${formatPlace(auto.place)}`
    return { problems: [kickstartRule(formatPlace(parts[0].place), problem, 'Keep one of the two.')] }
  }
  const read = parts.map(wantedPart)
  const wanted = [
    ...required(commands),
    ...read.flatMap(part => part.wanted ?? []),
    ...(auto ? [autoRoot(auto)] : []),
  ]
  const problems = [
    ...read.flatMap(part => part.problems),
    ...(auto ? autoProblems(auto) : []),
    ...together(wanted, first.place),
  ]
  return problems.length > 0 ? { problems } : { layout: identify(wanted, seed), problems }
}

function required(commands: Commands): Wanted[] {
  const [command] = named(commands, 'reqpart', 'autopart')
  if (!command) return []
  const base = { place: command.place, grow: false, label: undefined, mountOptions: undefined }
  const boot = {
    ...base,
    mountPoint: '/boot',
    fileSystem: 'ext4',
    sizeMib: bootMib,
    label: 'boot',
  } as const
  return [
    { ...base, mountPoint: 'biosboot', fileSystem: 'biosboot', sizeMib: 1 },
    { ...base, mountPoint: '/boot/efi', fileSystem: 'efi', sizeMib: espMib, label: 'EFI' },
    ...(command.values.flag('--add-boot') ? [boot] : []),
  ]
}

function autoRoot(command: ReadCommand): Wanted {
  const fileSystem = (command.values.value('--fstype') ?? 'ext4') as FileSystem
  const { place } = command
  return {
    place,
    mountPoint: '/',
    fileSystem,
    sizeMib: autopartRootMib,
    grow: true,
    label: 'root',
    mountOptions: undefined,
  }
}

function autoProblems(command: ReadCommand): PipelineError[] {
  if (command.values.flag('--type')) return []
  const problem = 'autopart without --type means LVM, which the debian family cannot make'
  return [kickstartRule(formatPlace(command.place), problem, 'Write autopart --type=plain.')]
}

function wantedPart({ place, words, values }: ReadCommand): {
  wanted?: Wanted
  problems: PipelineError[]
} {
  const at = formatPlace(place)
  const mountPoint = words[0] ?? ''
  const special = mountPoint === 'swap' || mountPoint === 'biosboot'
  if (!special && !/^\/$|^(\/[A-Za-z0-9_.-]+)+$/.test(mountPoint)) {
    const problem = `"${mountPoint}" is no mount point that the debian family can make`
    return {
      problems: [
        kickstartValue(
          at,
          problem,
          'Write an absolute path, swap or biosboot; LVM, RAID and btrfs are not supported.'
        ),
      ],
    }
  }
  const fileSystem = (values.value('--fstype') ?? defaultFileSystem(mountPoint)) as FileSystem
  const label = values.value('--label') ?? defaultLabel(mountPoint)
  const wanted: Wanted = {
    place,
    mountPoint,
    fileSystem,
    sizeMib: values.number('--size') ?? 1,
    grow: values.flag('--grow'),
    label,
    mountOptions: values.value('--fsoptions'),
  }
  return { wanted, problems: partProblems(wanted, values.flag('--size')) }
}

function defaultFileSystem(mountPoint: string): FileSystem {
  if (mountPoint === 'swap' || mountPoint === 'biosboot') return mountPoint
  return mountPoint === '/boot/efi' ? 'efi' : 'ext4'
}

function defaultLabel(mountPoint: string): string | undefined {
  const labels: Readonly<Record<string, string>> = { '/': 'root', '/boot': 'boot', '/boot/efi': 'EFI' }
  return labels[mountPoint]
}

/** BIOS boot and ESP come first, the growing partition last: first boot enlarges it to a larger disk. */
function identify(wanted: readonly Wanted[], seed: string): Layout {
  const rank = (part: Wanted) =>
    part.grow ? 3 : part.fileSystem === 'biosboot' ? 0 : part.fileSystem === 'efi' ? 1 : 2
  const ordered = wanted.toSorted((a, b) => rank(a) - rank(b))
  const partitions = ordered.map((part, index) => ({
    ...part,
    number: index + 1,
    partitionUuid: deterministicUuid(seed, `partition ${index + 1}`),
    fileSystemUuid: fileSystemUuid(part, seed, index + 1),
  }))
  return { diskUuid: deterministicUuid(seed, 'disk'), partitions }
}

function fileSystemUuid(part: Wanted, seed: string, number: number): string | undefined {
  const name = `file system ${number}`
  if (part.fileSystem === 'biosboot') return undefined
  if (part.fileSystem !== 'vfat' && part.fileSystem !== 'efi') return deterministicUuid(seed, name)
  return deterministicVolumeId(seed, name).replace(/^(....)/, '$1-')
}
