/** Checks a kickstart against what Anaconda of one el release understands. */
import { commandNotInRelease, commandRemoved, optionUnknown, sectionUnknown } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { adviceFor } from './advice.js'
import { commandConflicts, optionConflicts } from './conflicts.js'
import type { CheckedCommand } from './conflicts.js'
import { entryOf } from './entry.js'
import type { WordTable } from './option-rules.js'
import { readWords } from './options.js'
import type { ReadWords } from './options.js'
import { elRules, wordTable } from './releases.js'
import type { ElRelease, ElRules } from './releases.js'
import { repeatProblems } from './repeats.js'
import { formatPlace, installersLines } from './types.js'
import type { Kickstart, KickstartCommand, KickstartNode, KickstartSection } from './types.js'

export interface KickstartCheck {
  /** What makes Anaconda refuse the file; each is a PipelineError with file:line (exit 2). */
  readonly problems: readonly PipelineError[]
  /** What Anaconda only complains about, as `file:line: sentence`. */
  readonly warnings: readonly string[]
}

/** Checks commands, sections, options, their values and what they need of each other; whether devices exist is Anaconda's own business. */
export function checkKickstart(tree: Kickstart, release: ElRelease): KickstartCheck {
  const rules = elRules(release)
  const found = tree.nodes.map(node =>
    node.kind === 'command' ? checkCommand(node, release, rules) : checkSection(node, release, rules)
  )
  const lines = found.flatMap(({ line }) => line ?? [])
  return {
    problems: [...found.flatMap(({ problems }) => problems), ...commandConflicts(tree), ...repeatProblems(lines)],
    warnings: found.flatMap(({ warnings }) => warnings),
  }
}

/** As checkKickstart, with our own advice among the warnings: what Anaconda takes, and its owner may regret. */
export function reviewKickstart(tree: Kickstart, release: ElRelease): KickstartCheck {
  const { problems, warnings } = checkKickstart(tree, release)
  return { problems, warnings: [...warnings, ...adviceFor(tree, release)] }
}

interface CheckedNode extends KickstartCheck {
  /** Absent where its options could not be read. */
  readonly line?: CheckedCommand
}

function checkCommand(command: KickstartCommand, release: ElRelease, rules: ElRules): CheckedNode {
  // Kept by the parser: only the installer will see that file.
  if (installersLines.includes(command.name)) return { problems: [], warnings: [] }
  const place = formatPlace(command.place)
  const rule = entryOf(rules.commands, command.name)
  if (!rule)
    return refused(commandNotInRelease(place, command.name, release, Object.keys(rules.commands)))
  if (rule.removed) return refused(commandRemoved(place, command.name, release))
  if (rule.deprecated) {
    return {
      problems: [],
      warnings: [`${place}: ${command.name} no longer has an effect in ${release}`],
    }
  }
  const successor = rule.superseded ? [supersededBy(place, command.name, rule.superseded, release)] : []
  if (rule.passesOn) return { problems: [], warnings: successor }
  const { problems, warnings, line } = checkLine(command, release)
  return { problems, warnings: [...successor, ...warnings], line }
}

function checkSection(section: KickstartSection, release: ElRelease, rules: ElRules): CheckedNode {
  const place = formatPlace(section.place)
  if (!entryOf(rules.sections, section.name)) return refused(sectionUnknown(place, section.name, Object.keys(rules.sections)))
  // An add-on reads its own words: the first is its name.
  return section.name === '%addon' ? { problems: [], warnings: [] } : checkLine(section, release)
}

/** What options say to each other is judged only where each of them was read. */
function checkLine(node: KickstartNode, release: ElRelease): CheckedNode {
  const read = readLine(node, wordTable(release, node.name), release)
  const warnings = lineWarnings(node, read, release)
  if (read.problems.length > 0) return { problems: read.problems, warnings }
  const { values, words } = read
  const line = { name: node.name, place: formatPlace(node.place), values, words, line: node.words }
  return { problems: optionConflicts(line, release), warnings, line }
}

/** As Anaconda's own reader does, the last value of an option counts. */
function readLine({ name, words, place }: KickstartNode, table: WordTable, release: ElRelease): ReadWords {
  const at = formatPlace(place)
  return readWords({
    place: at,
    subject: name,
    words,
    table,
    lastCounts: true,
    unknown: option => optionUnknown(at, `${name} of ${release}`, option, optionNames(table.options)),
  })
}

function lineWarnings({ name, place }: KickstartNode, read: ReadWords, release: ElRelease): string[] {
  const at = formatPlace(place)
  return [
    ...read.deprecated.map(option => `${at}: ${name} ${option} no longer has an effect in ${release}`),
    ...Object.entries(read.superseded).map(([option, by]) => supersededBy(at, `${name} ${option}`, by, release)),
    ...read.repeated.map(option => `${at}: ${name} ${option} is given twice, and only the last one counts`),
  ]
}

function supersededBy(place: string, what: string, by: string, release: ElRelease): string {
  return `${place}: ${what} still works in ${release}, and ${by} takes its place`
}

function optionNames(options: Readonly<Record<string, string>> = {}): string[] {
  return Object.keys(options).flatMap(names => names.split(' '))
}

function refused(problem: PipelineError): KickstartCheck {
  return { problems: [problem], warnings: [] }
}
