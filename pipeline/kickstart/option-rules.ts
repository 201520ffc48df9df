/** Tables of options: how a rule is written, and whether a value keeps it. */
import { optionWrong } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'

/**
 * One option: `flag`, `value`, `int`, `boolean`, `list` (comma-separated, may be repeated), `repeat` (may be
 * repeated) or `optional` (a value that may be left out), then `required`, `deprecated` (read without effect),
 * `superseded=<what>` (still works, and a warning names what to write instead), and the choices as `a|b|c`, which
 * `nocase` lets one write in capitals, too.
 */
export type OptionRule = string

export interface WordTable {
  /** Least and most arguments besides options; no most: any number. @default [0, 0] */
  readonly takes?: readonly [least: number, most: number | null]
  /** By option; names of the same option are separated by blanks, the first one is used in OptionValues. */
  readonly options?: Readonly<Record<string, OptionRule>>
}

export interface Rule {
  /** The first of the option's names. */
  readonly name: string
  readonly kind: string
  readonly required: boolean
  readonly deprecated: boolean
  /** What to write instead. */
  readonly superseded: string | undefined
  /** Choices may be written in capitals. */
  readonly nocase: boolean
  readonly choices: readonly string[]
}

export function rulesOf(table: WordTable): ReadonlyMap<string, Rule> {
  const rules = new Map<string, Rule>()
  for (const [names, text] of Object.entries(table.options ?? {})) {
    const aliases = names.split(' ')
    const [kind = 'flag', ...rest] = text.split(' ')
    const rule: Rule = {
      name: aliases[0] ?? names,
      kind,
      required: rest.includes('required'),
      deprecated: rest.includes('deprecated'),
      superseded: rest.find(part => part.startsWith('superseded='))?.slice('superseded='.length),
      nocase: rest.includes('nocase'),
      choices: rest.find(part => !isMark(part))?.split('|') ?? [],
    }
    for (const alias of aliases) rules.set(alias, rule)
  }
  return rules
}

function isMark(part: string): boolean {
  return ['required', 'deprecated', 'nocase'].includes(part) || part.startsWith('superseded=')
}

export function wrongValue(
  place: string,
  option: string,
  rule: Rule,
  value: string
): PipelineError | undefined {
  const wrong = (problem: string, hint: string) =>
    optionWrong(place, `${option}=${value}`, problem, hint)
  if (rule.kind === 'int' && !/^-?\d+$/.test(value))
    return wrong('is no whole number', `Write ${option}=NUMBER.`)
  if (rule.kind === 'boolean' && !/^(yes|no|on|off|true|false|1|0)$/i.test(value)) {
    return wrong('is neither yes nor no', `Write ${option}=yes or ${option}=no.`)
  }
  if (rule.choices.length > 0 && !rule.choices.includes(rule.nocase ? value.toLowerCase() : value)) {
    return wrong('is not one of its values', `Values: ${rule.choices.join(', ')}.`)
  }
  return undefined
}
