/** Reads the words of a command or section by a table of its options. */
import { argumentCount, optionMissing, optionUnknown, optionWrong } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { rulesOf, wrongValue } from './option-rules.js'
import type { Rule, WordTable } from './option-rules.js'

export interface WordsToRead {
  /** `file:line` */
  readonly place: string
  /** The command or section, for messages. */
  readonly subject: string
  readonly words: readonly string[]
  readonly table: WordTable
  /** The error for an option that the table does not have. @default optionUnknown */
  readonly unknown?: (option: string) => PipelineError
  /** An option given twice is no problem: its last value counts, and it is among `repeated`. @default false */
  readonly lastCounts?: boolean
}

export interface ReadWords {
  readonly values: OptionValues
  /** What is no option, in order. */
  readonly words: readonly string[]
  readonly problems: readonly PipelineError[]
  /** Options given although they no longer have an effect. */
  readonly deprecated: readonly string[]
  /** Options given that have a successor, by name. */
  readonly superseded: Readonly<Record<string, string>>
  /** Options given twice, where the last value counts. */
  readonly repeated: readonly string[]
}

/** The options of one line, by the first name in the table. */
export class OptionValues {
  readonly #given: ReadonlyMap<string, readonly string[]>

  constructor(given: ReadonlyMap<string, readonly string[]>) {
    this.#given = given
  }

  flag(name: string): boolean {
    return this.#given.has(name)
  }

  value(name: string): string | undefined {
    return this.#given.get(name)?.at(-1)
  }

  /** A value of kind `int`. */
  number(name: string): number | undefined {
    const text = this.value(name)
    return text === undefined ? undefined : Number(text)
  }

  /** All values of kind `list` or `repeat`; empty when not given. */
  list(name: string): readonly string[] {
    return this.#given.get(name) ?? []
  }
}

/** Reads `--option value` and `--option=value`; every problem of the line is in the result. */
export function readWords(input: WordsToRead): ReadWords {
  const rules = rulesOf(input.table)
  const given = new Map<string, readonly string[]>()
  const words: string[] = []
  const problems: PipelineError[] = []
  const repeated = new Set<string>()
  const queue = [...input.words]
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (!/^--?[A-Za-z]/.test(word)) words.push(word)
    else {
      const problem = readOption(word, { input, rules, given, repeated, queue })
      if (problem) problems.push(problem)
    }
  }
  const all = new Set(rules.values())
  for (const rule of all) {
    if (rule.required && !given.has(rule.name))
      problems.push(optionMissing(input.place, input.subject, rule.name))
  }
  const count = wrongCount(input, words)
  if (count && problems.length === 0) problems.push(count)
  const used = [...all].filter(rule => given.has(rule.name))
  return {
    values: new OptionValues(given),
    words,
    problems,
    deprecated: used.filter(rule => rule.deprecated).map(rule => rule.name),
    superseded: Object.fromEntries(used.flatMap(rule => (rule.superseded ? [[rule.name, rule.superseded]] : []))),
    repeated: [...repeated],
  }
}

interface Reading {
  readonly input: WordsToRead
  readonly rules: ReadonlyMap<string, Rule>
  readonly given: Map<string, readonly string[]>
  /** Names of options given twice, where that is no problem. */
  readonly repeated: Set<string>
  /** The words after the option. */
  readonly queue: string[]
}

function readOption(word: string, { input, rules, given, repeated, queue }: Reading): PipelineError | undefined {
  const { place, subject } = input
  const [, option = word, , attached] = /^([^=]+)(=(.*))?$/s.exec(word) ?? []
  const rule = rules.get(option)
  if (!rule) return input.unknown?.(option) ?? optionUnknown(place, subject, option, [...rules.keys()])
  if (rule.kind === 'flag') {
    given.set(rule.name, [])
    return attached === undefined
      ? undefined
      : optionWrong(place, option, `takes no value, and has "${attached}"`, `Write ${option} alone.`)
  }
  const follows = queue[0] !== undefined && !queue[0].startsWith('--')
  const value = attached ?? (follows ? queue.shift() : rule.kind === 'optional' ? '' : undefined)
  if (value === undefined) return optionWrong(place, option, 'has no value', `Write ${option}=VALUE.`)
  const before = given.get(rule.name)
  const many = rule.kind === 'list' || rule.kind === 'repeat'
  if (before && !many) {
    if (!input.lastCounts) return optionWrong(place, option, 'is given twice', 'Keep one of the two.')
    repeated.add(rule.name)
  }
  const found =
    rule.kind === 'list'
      ? value
          .split(',')
          .map(part => part.trim())
          .filter(part => part)
      : [value]
  given.set(rule.name, [...(many ? (before ?? []) : []), ...found])
  return wrongValue(place, option, rule, value)
}

function wrongCount(
  { place, subject, table }: WordsToRead,
  words: readonly string[]
): PipelineError | undefined {
  const [least, most] = table.takes ?? [0, 0]
  if (words.length >= least && (most === null || words.length <= most)) return undefined
  const wanted =
    most === null
      ? `at least ${least}`
      : least === most
        ? countOf(least)
        : `${least} to ${most} arguments`
  return argumentCount(place, subject, wanted, words)
}

function countOf(count: number): string {
  if (count === 0) return 'no argument'
  return count === 1 ? 'one argument' : `${count} arguments`
}
