/** What no single option tells: options that exclude or need each other, and commands that cannot stand in one file. */
import { kickstartRule } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { entryOf } from './entry.js'
import { lineProblems } from './line-problems.js'
import { oneOfProblems } from './one-of.js'
import type { OptionValues } from './options.js'
import type { ElRelease } from './releases.js'
import { formatPlace } from './types.js'
import type { Kickstart } from './types.js'
import { memberProblems } from './volume-rules.js'

/** A command, or the line that begins a section, with its words read. */
export interface CheckedCommand {
  readonly name: string
  /** `file:line` */
  readonly place: string
  readonly values: OptionValues
  /** What is no option. */
  readonly words: readonly string[]
  /** All words behind the name, in order. */
  readonly line: readonly string[]
}

/** Problems between the options of one line, or of the line that begins a section. */
export function optionConflicts(command: CheckedCommand, release: ElRelease): readonly PipelineError[] {
  const { name, place, values, words } = command
  if (name === 'rootpw' && words.every(word => word === '') && !values.flag('--lock')) {
    return [
      kickstartRule(
        place,
        'rootpw has neither a password nor --lock',
        'Write rootpw --lock, or rootpw --iscrypted HASH.'
      ),
    ]
  }
  return [...oneOfProblems(command, release), ...memberProblems(command), ...lineProblems(command, release)]
}

const ownLayout = ['part', 'partition', 'raid', 'volgroup', 'logvol'] as const

/** Each brings the whole system. */
const systemImages = ['ostreesetup', 'ostreecontainer', 'bootc'] as const

/**
 * By a command: those that cannot come behind it. Anaconda's reader asks each of them what it has seen so far, and not all
 * ask for the same: `mount` behind `part` is read, `part` behind `mount` is not.
 */
const notBehind: Readonly<Record<string, readonly string[]>> = {
  autopart: [...ownLayout, 'reqpart'],
  reqpart: ['autopart'],
  mount: [...ownLayout, 'autopart', 'reqpart'],
  ...Object.fromEntries(ownLayout.map(name => [name, ['autopart']])),
  ...Object.fromEntries(systemImages.map(name => [name, systemImages.filter(other => other !== name)])),
}

/** Problems between commands of one file: one for each that cannot come behind another, at the first of its lines. */
export function commandConflicts(tree: Kickstart): readonly PipelineError[] {
  const commands = tree.nodes.filter(node => node.kind === 'command')
  const told = new Set<string>()
  return commands.flatMap((later, at) => {
    const earlier = commands.slice(0, at).find(({ name }) => entryOf(notBehind, name)?.includes(later.name))
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
