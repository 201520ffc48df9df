/** What no single option tells: options that exclude or need each other, and commands that cannot stand in one file. */
import { kickstartRule, optionMissing } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import type { OptionValues } from './options.js'
import type { ElRelease } from './releases.js'
import { formatPlace } from './types.js'
import type { Kickstart } from './types.js'

export interface CheckedCommand {
  readonly name: string
  /** `file:line` */
  readonly place: string
  readonly values: OptionValues
  /** What is no option. */
  readonly words: readonly string[]
}

interface Sources {
  readonly options: readonly string[]
  /** Releases that let all of them be absent. */
  readonly mayLack: readonly ElRelease[]
}

/** Where packages come from: one of these options, not two. A repo by name alone is one that RHEL 7 and later know. */
const sources: Readonly<Record<string, Sources>> = {
  url: { options: ['--url', '--mirrorlist', '--metalink'], mayLack: [] },
  repo: { options: ['--baseurl', '--mirrorlist', '--metalink'], mayLack: ['RHEL7', 'RHEL8', 'RHEL9', 'RHEL10'] },
}

/** Problems between the options of one line. */
export function optionConflicts(command: CheckedCommand, release: ElRelease): readonly PipelineError[] {
  const { name, place, values, words } = command
  const rule = sources[name]
  if (rule) return sourceProblems(command, rule, release)
  if (name === 'rootpw' && words.length === 0 && !values.flag('--lock')) {
    return [
      kickstartRule(
        place,
        'rootpw has neither a password nor --lock',
        'Write rootpw --lock, or rootpw --iscrypted HASH.'
      ),
    ]
  }
  return []
}

function sourceProblems(
  { name, place, values }: CheckedCommand,
  { options, mayLack }: Sources,
  release: ElRelease
): readonly PipelineError[] {
  const given = options.filter(option => values.flag(option))
  if (given.length === 0) return mayLack.includes(release) ? [] : [optionMissing(place, name, options[0] ?? '')]
  if (given.length === 1) return []
  return [kickstartRule(place, `${name} has ${given.join(' and ')}, which exclude each other`, 'Keep one of them.')]
}

/** Automatic partitioning and partitions of one's own: Anaconda ends with an error when it sees both. */
const excluded: Readonly<Record<string, readonly string[]>> = {
  autopart: ['part', 'partition', 'raid', 'volgroup', 'logvol', 'reqpart'],
}

/** Problems between commands of one file, at the later of the two. */
export function commandConflicts(tree: Kickstart): readonly PipelineError[] {
  const commands = tree.nodes.filter(node => node.kind === 'command')
  return Object.entries(excluded).flatMap(([name, others]) => {
    const first = commands.find(command => command.name === name)
    const other = commands.find(command => others.includes(command.name))
    if (!first || !other) return []
    const [earlier, later] = commands.indexOf(first) < commands.indexOf(other) ? [first, other] : [other, first]
    return [
      kickstartRule(
        formatPlace(later.place),
        `${later.name} cannot stand beside ${earlier.name} at ${formatPlace(earlier.place)}`,
        'Keep one of the two.'
      ),
    ]
  })
}
