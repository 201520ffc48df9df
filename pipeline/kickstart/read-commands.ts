/** Reads a tree's commands by the table of the debian family; what it cannot honour becomes a problem here. */
import { commandTwice, familyCannot, optionUnknown } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { debianCommands } from './debian-commands.js'
import { entryOf } from './entry.js'
import { readWords } from './options.js'
import type { WordTable } from './option-rules.js'
import type { OptionValues } from './options.js'
import { elReleases, wordTable } from './releases.js'
import { formatPlace } from './types.js'
import type { Kickstart, KickstartCommand, Place } from './types.js'

export interface ReadCommand {
  readonly name: string
  readonly place: Place
  readonly values: OptionValues
  /** What is no option. */
  readonly words: readonly string[]
}

/** Commands that say the same thing in different words: one of each row may be given. */
const sameThing: readonly (readonly string[])[] = [['poweroff', 'shutdown', 'reboot', 'halt']]

export type Commands = ReadonlyMap<string, readonly ReadCommand[]>

/** The commands of that name, in file order. */
export function named(commands: Commands, ...names: readonly string[]): readonly ReadCommand[] {
  return names.flatMap(name => commands.get(name) ?? [])
}

export interface DebianCommands {
  readonly commands: Commands
  /** The names of those that are not among `commands` because something is wrong with them. */
  readonly refused: ReadonlySet<string>
  readonly problems: readonly PipelineError[]
}

/** Reads every command of the tree by the table; what the family cannot honour is a problem. */
export function readDebianCommands(tree: Kickstart): DebianCommands {
  const commands = new Map<string, ReadCommand[]>()
  const refused = new Set<string>()
  const problems: PipelineError[] = []
  for (const node of tree.nodes) {
    if (node.kind !== 'command') continue
    const { command, problems: found } = readCommand(node)
    problems.push(...found)
    if (!command) {
      refused.add(node.name)
      continue
    }
    const before = firstOf(commands, node.name)
    if (before)
      problems.push(commandTwice(formatPlace(node.place), node.name, formatPlace(before.place)))
    else commands.set(command.name, [...(commands.get(command.name) ?? []), command])
  }
  return { commands, refused, problems }
}

function firstOf(commands: Commands, name: string): ReadCommand | undefined {
  if (entryOf(debianCommands, name)?.many) return undefined
  return named(commands, ...(sameThing.find(row => row.includes(name)) ?? [name]))[0]
}

function readCommand(node: KickstartCommand): {
  command?: ReadCommand
  problems: readonly PipelineError[]
} {
  const place = formatPlace(node.place)
  const table = entryOf(debianCommands, node.name)
  if (!table) {
    const hint = `Take it out, or do the same in a %post script. Honoured: ${Object.keys(debianCommands).sort().join(', ')}.`
    return { problems: [familyCannot(place, node.name, hint)] }
  }
  const { values, words, problems } = readWords({
    place,
    subject: node.name,
    words: node.words,
    table,
    unknown: option => unknownOption(place, node.name, option),
  })
  const name = node.name === 'partition' ? 'part' : node.name
  return problems.length > 0
    ? { problems }
    : { command: { name, place: node.place, values, words }, problems }
}

/** An option that Anaconda has is one that we cannot honour; any other is a typing error. */
function unknownOption(place: string, command: string, option: string): PipelineError {
  const honoured = optionNames(entryOf(debianCommands, command))
  const known = elReleases.some(release =>
    optionNames(wordTable(release, command)).includes(option)
  )
  if (!known) return optionUnknown(place, command, option, honoured)
  const hint =
    honoured.length > 0
      ? `Options of ${command} it honours: ${honoured.join(', ')}.`
      : `It honours ${command} alone.`
  return familyCannot(place, `${command} ${option}`, hint)
}

function optionNames(table: WordTable | undefined): string[] {
  return Object.keys(table?.options ?? {}).flatMap(names => names.split(' '))
}
