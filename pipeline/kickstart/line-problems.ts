/** Holds one line to the rules between its options and arguments. */
import { kickstartRule, optionMissing, optionWrong } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import type { CheckedCommand } from './conflicts.js'
import { lineRules } from './line-rules.js'
import type { Excludes, Keeps, Line, LineRule, Needs } from './line-rules.js'
import { rulesOf } from './option-rules.js'
import { wordTable } from './releases.js'
import type { ElRelease } from './releases.js'
import { says } from './says.js'

/** One problem for each rule that the line breaks. */
export function lineProblems(command: CheckedCommand, release: ElRelease): readonly PipelineError[] {
  return Object.entries(lineRules)
    .filter(([names]) => names.split(' ').includes(command.name))
    .flatMap(([, rules]) => rules)
    .filter(rule => concerns(rule, command, release))
    .flatMap(rule => problemsOf(rule, command, release))
}

function concerns({ releases, when = [], unless = [] }: LineRule, command: CheckedCommand, release: ElRelease): boolean {
  const holds = (condition: string) => conditionHolds(condition, command, release)
  return (releases?.includes(release) ?? true) && when.every(holds) && !unless.some(holds)
}

function conditionHolds(condition: string, command: CheckedCommand, release: ElRelease): boolean {
  if (!condition.startsWith('-')) return command.words[0] === condition
  const [option = '', wanted] = condition.split('=')
  if (wanted === undefined || !says(command, option, release)) return says(command, option, release)
  const value = command.values.value(option)
  return (rulesOf(wordTable(release, command.name)).get(option)?.nocase ? value?.toLowerCase() : value) === wanted
}

function problemsOf(rule: LineRule, command: CheckedCommand, release: ElRelease): readonly PipelineError[] {
  if ('needs' in rule) return neededProblems(rule, command, release)
  if ('excludes' in rule) return excludedProblems(rule, command, release)
  return 'keeps' in rule ? keptProblems(rule, command) : formProblems(rule, command)
}

function neededProblems({ when = [], needs }: Needs, command: CheckedCommand, release: ElRelease): readonly PipelineError[] {
  const known = rulesOf(wordTable(release, command.name))
  const ways = needs.filter(option => known.has(option))
  if (ways.some(option => says(command, option, release))) return []
  return [optionMissing(command.place, [command.name, when.join(' with ')].join(' ').trim(), ...ways)]
}

function excludedProblems({ when = [], excludes }: Excludes, command: CheckedCommand, release: ElRelease): readonly PipelineError[] {
  const { name, place } = command
  return excludes
    .filter(condition => conditionHolds(condition, command, release))
    .map(condition =>
      when.length > 0
        ? kickstartRule(place, `${name} has ${[...when, condition].join(' and ')}, which exclude each other`, 'Keep one of them.')
        : kickstartRule(place, `${name} has ${condition}, which ${release} refuses`, 'Take it out.')
    )
}

function keptProblems({ of, keeps, problem, hint }: Keeps, { name, place, words, values }: CheckedCommand): readonly PipelineError[] {
  const written = typeof of === 'number' ? words.slice(of, of + 1) : values.list(of)
  return written
    .filter(text => !keeps(text))
    .map(text => optionWrong(place, typeof of === 'number' ? `${name} ${text}` : `${of}=${text}`, problem, hint))
}

function formProblems({ line, problem, hint }: Line, command: CheckedCommand): readonly PipelineError[] {
  return line.test(command.line.join('\n')) ? [] : [kickstartRule(command.place, `${command.name} ${problem}`, hint)]
}
