/** What is wrong with single partitions, and with a set of them. */
import { kickstartRule, kickstartValue } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import type { FileSystem, Wanted } from './layout.js'
import { formatPlace } from './types.js'
import type { Place } from './types.js'

const labelLengths: Readonly<Record<FileSystem, number>> = {
  ext4: 16,
  xfs: 12,
  vfat: 11,
  efi: 11,
  swap: 16,
  biosboot: 0,
}

export function partProblems(part: Wanted, sized: boolean): PipelineError[] {
  const at = formatPlace(part.place)
  const found: PipelineError[] = []
  if (part.sizeMib < 1)
    found.push(
      kickstartValue(at, `--size=${part.sizeMib} is no size`, 'Write the size in MiB, 1 or more.')
    )
  if (!sized && !part.grow) {
    found.push(
      kickstartValue(
        at,
        `part ${part.mountPoint} has no size`,
        'Add --size=MIB, or --grow for all the space that is left.'
      )
    )
  }
  const special = part.mountPoint === 'swap' || part.mountPoint === 'biosboot'
  if (
    special !== (part.fileSystem === 'swap' || part.fileSystem === 'biosboot') ||
    (special && part.mountPoint !== part.fileSystem)
  ) {
    const hint =
      'swap and biosboot are both mount point and --fstype; every other mount point needs a file system.'
    found.push(
      kickstartValue(at, `part ${part.mountPoint} cannot be of --fstype=${part.fileSystem}`, hint)
    )
  }
  if (part.mountPoint === '/boot/efi' && part.fileSystem !== 'efi') {
    const problem = `part /boot/efi of --fstype=${part.fileSystem} is no EFI system partition: no firmware boots from it`
    found.push(kickstartValue(at, problem, 'Write --fstype=efi, or leave it out.'))
  }
  const longest = labelLengths[part.fileSystem]
  if (
    part.label !== undefined &&
    (part.label.length > longest || !/^[A-Za-z0-9_.-]+$/.test(part.label))
  ) {
    const hint =
      longest > 0
        ? `Use at most ${longest} letters, digits, dots, dashes and underscores.`
        : 'Leave --label out.'
    found.push(
      kickstartValue(at, `"${part.label}" cannot be the label of a ${part.fileSystem} partition`, hint)
    )
  }
  if (part.mountOptions !== undefined && !/^[^\s#]+$/.test(part.mountOptions)) {
    found.push(
      kickstartValue(
        at,
        `--fsoptions="${part.mountOptions}" has blanks`,
        'Separate mount options by commas alone.'
      )
    )
  }
  return found
}

/** What only the whole set shows. */
export function together(wanted: readonly Wanted[], place: Place): PipelineError[] {
  const problems: PipelineError[] = []
  const second = (what: string, of: readonly Wanted[], hint: string) => {
    const [first, ...more] = of
    for (const each of more) {
      const problem = `this is a second ${what}; the first is at ${formatPlace(first?.place ?? place)}`
      problems.push(kickstartRule(formatPlace(each.place), problem, hint))
    }
  }
  const points = [...new Set(wanted.map(part => part.mountPoint))].filter(point => point.startsWith('/'))
  for (const point of points.filter(point => point !== '/boot/efi')) {
    const what = point === '/' ? 'root partition' : `partition for ${point}`
    second(
      what,
      wanted.filter(part => part.mountPoint === point),
      `Keep one part ${point}.`
    )
  }
  second(
    'EFI system partition',
    wanted.filter(part => part.fileSystem === 'efi'),
    'Keep one; reqpart and autopart make one themselves.'
  )
  second(
    'BIOS boot partition',
    wanted.filter(part => part.fileSystem === 'biosboot'),
    'Keep one; reqpart and autopart make one themselves.'
  )
  second(
    'partition with --grow',
    wanted.filter(part => part.grow),
    'Let one partition take the space that is left.'
  )
  if (!points.includes('/')) {
    problems.push(
      kickstartRule(
        formatPlace(place),
        'there is no root partition',
        'Add part / --fstype=ext4 --size=2048 --grow.'
      )
    )
  }
  return problems
}
