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
  return [...oneOfProblems(command, release), ...opposedOptions(command), ...volumeProblems(command)]
}

/** Options of one command or section that say opposite things, in pairs. */
const opposites: Readonly<Record<string, readonly (readonly [string, string])[]>> = {
  timezone: [['--nontp', '--ntpservers']],
  '%packages': [
    ['--default', '--nobase'],
    ['--default', '--nocore'],
  ],
}

/** Problems of a line, or of the line that begins a section. */
export function opposedOptions({ name, place, values }: Omit<CheckedCommand, 'words'>): readonly PipelineError[] {
  return (opposites[name] ?? [])
    .filter(pair => pair.every(option => values.flag(option)))
    .map(pair => kickstartRule(place, `${name} has ${pair.join(' and ')}, which exclude each other`, 'Keep one of them.'))
}

const ownLayout = ['part', 'partition', 'raid', 'volgroup', 'logvol'] as const

/**
 * By a command: those that cannot come behind it. Anaconda's reader asks each of them what it has seen so far, and not all
 * ask for the same: `mount` behind `part` is read, `part` behind `mount` is not.
 */
const notBehind: Readonly<Record<string, readonly string[]>> = {
  autopart: [...ownLayout, 'reqpart'],
  mount: [...ownLayout, 'autopart', 'reqpart'],
  ...Object.fromEntries(ownLayout.map(name => [name, ['autopart']])),
}

/** Problems between commands of one file: one for each that cannot come behind another, at the first of its lines. */
export function commandConflicts(tree: Kickstart): readonly PipelineError[] {
  const commands = tree.nodes.filter(node => node.kind === 'command')
  const told = new Set<string>()
  return commands.flatMap((later, at) => {
    const earlier = commands.slice(0, at).find(({ name }) => notBehind[name]?.includes(later.name))
    if (!earlier || told.has(later.name)) return []
    told.add(later.name)
    return [
      kickstartRule(
        formatPlace(later.place),
        `${later.name} cannot stand behind ${earlier.name} at ${formatPlace(earlier.place)}`,
        'Keep one of the two.'
      ),
    ]
  })
}
