/** What no single option tells: options that exclude or need each other, and commands that cannot stand in one file. */
import { kickstartRule } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { oneOfProblems } from './one-of.js'
import type { OptionValues } from './options.js'
import type { ElRelease } from './releases.js'
import { formatPlace } from './types.js'
import type { Kickstart } from './types.js'
import { volumeProblems } from './volume-rules.js'

export interface CheckedCommand {
  readonly name: string
  /** `file:line` */
  readonly place: string
  readonly values: OptionValues
  /** What is no option. */
  readonly words: readonly string[]
}

/** Problems between the options of one line. */
export function optionConflicts(command: CheckedCommand, release: ElRelease): readonly PipelineError[] {
  const { name, place, values, words } = command
  if (name === 'rootpw' && words.length === 0 && !values.flag('--lock')) {
    return [
      kickstartRule(
        place,
        'rootpw has neither a password nor --lock',
        'Write rootpw --lock, or rootpw --iscrypted HASH.'
      ),
    ]
  }
  return [...oneOfProblems(command, release), ...together(command), ...volumeProblems(command)]
}

/** Options of one command that say opposite things. */
const opposites: Readonly<Record<string, readonly string[]>> = {
  timezone: ['--nontp', '--ntpservers'],
}

function together({ name, place, values }: CheckedCommand): readonly PipelineError[] {
  const given = opposites[name]?.filter(option => values.flag(option)) ?? []
  if (given.length < 2) return []
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
