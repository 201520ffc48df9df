/** Checks a kickstart against what Anaconda of one el release understands. */
import { commandNotInRelease, commandRemoved, optionUnknown, sectionUnknown } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { adviceFor } from './advice.js'
import { commandConflicts, optionConflicts } from './conflicts.js'
import { readWords } from './options.js'
import { elRules } from './releases.js'
import type { ElRelease, ElRules } from './releases.js'
import { formatPlace } from './types.js'
import type { Kickstart, KickstartCommand, KickstartSection } from './types.js'

export interface KickstartCheck {
  /** What makes Anaconda refuse the file; each is a PipelineError with file:line (exit 2). */
  readonly problems: readonly PipelineError[]
  /** What Anaconda only complains about, as `file:line: sentence`. */
  readonly warnings: readonly string[]
}

/** Checks commands, sections, options and their values; mount points and device names are Anaconda's own business. */
export function checkKickstart(tree: Kickstart, release: ElRelease): KickstartCheck {
  const rules = elRules(release)
  const found = tree.nodes.map(node =>
    node.kind === 'command' ? checkCommand(node, release, rules) : checkSection(node, release, rules)
  )
  return {
    problems: [...found.flatMap(({ problems }) => problems), ...commandConflicts(tree)],
    warnings: found.flatMap(({ warnings }) => warnings),
  }
}

/** As checkKickstart, with our own advice among the warnings: what Anaconda takes, and its owner may regret. */
export function reviewKickstart(tree: Kickstart, release: ElRelease): KickstartCheck {
  const { problems, warnings } = checkKickstart(tree, release)
  return { problems, warnings: [...warnings, ...adviceFor(tree, release)] }
}

function checkCommand(command: KickstartCommand, release: ElRelease, rules: ElRules): KickstartCheck {
  // Kept by the parser: only the installer will see that file.
  if (command.name === '%include') return { problems: [], warnings: [] }
  const place = formatPlace(command.place)
  const rule = rules.commands[command.name]
  if (!rule)
    return refused(commandNotInRelease(place, command.name, release, Object.keys(rules.commands)))
  if (rule.removed) return refused(commandRemoved(place, command.name, release))
  if (rule.deprecated) {
    return {
      problems: [],
      warnings: [`${place}: ${command.name} no longer has an effect in ${release}`],
    }
  }
  if (rule.passesOn) return { problems: [], warnings: [] }
  const { values, words, problems, deprecated } = readWords({
    place,
    subject: command.name,
    words: command.words,
    table: rule,
    unknown: option =>
      optionUnknown(place, `${command.name} of ${release}`, option, optionNames(rule.options)),
  })
  return {
    problems: problems.length > 0 ? problems : optionConflicts({ name: command.name, place, values, words }, release),
    warnings: deprecated.map(
      option => `${place}: ${command.name} ${option} no longer has an effect in ${release}`
    ),
  }
}

function checkSection(section: KickstartSection, release: ElRelease, rules: ElRules): KickstartCheck {
  const place = formatPlace(section.place)
  const options = rules.sections[section.name]
  if (!options) return refused(sectionUnknown(place, section.name, Object.keys(rules.sections)))
  // An add-on reads its own words: the first is its name.
  if (section.name === '%addon') return { problems: [], warnings: [] }
  const { problems } = readWords({
    place,
    subject: section.name,
    words: section.words,
    table: { options },
    unknown: option =>
      optionUnknown(place, `${section.name} of ${release}`, option, optionNames(options)),
  })
  return { problems, warnings: [] }
}

function optionNames(options: Readonly<Record<string, string>> = {}): string[] {
  return Object.keys(options).flatMap(names => names.split(' '))
}

function refused(problem: PipelineError): KickstartCheck {
  return { problems: [problem], warnings: [] }
}
