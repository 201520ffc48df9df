/**
 * Validates the data of an appliance.yaml against the schema, and says every fault as `file:line:
 * key: problem`.
 */
import { Ajv } from 'ajv'
import type { ErrorObject, ValidateFunction } from 'ajv'
import { joinProblems } from '../errors/pipeline-error.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { specKeyMissing, specKeyUnknown, specValue } from '../errors/spec.js'
import type { WrittenSpec } from './defaults.js'
import { formatKey, parseSpecDocument } from './document.js'
import type { KeyPath } from './document.js'
import { applianceSchema, keysIn, nodeAt } from './schema.js'
import { applySets } from './set.js'

export interface ValidSpec {
  readonly written: WrittenSpec
  /** `file:line` of a key, `--set` for one given there. */
  readonly place: (path: KeyPath) => string
}

let compiled: ValidateFunction<WrittenSpec> | undefined

/**
 * Parses and validates a description with its overrides. `file` names it in messages. Throws one PipelineError
 * that holds every problem (exit 2): `spec-syntax`, `spec-value`, `spec-key-missing`, `spec-key-unknown`, `set-…`.
 */
export function validateSpec(file: string, text: string, set: readonly string[] = []): ValidSpec {
  const document = parseSpecDocument(file, text)
  const { data, keys, problems } = applySets(document.data, set)
  const place = (path: KeyPath): string => (isSet(path, keys) ? '--set' : document.place(path))
  const validate = (compiled ??= compile())
  if (validate(data) && problems.length === 0) return { written: data, place }
  const found = (validate.errors ?? [])
    .map(error => explain(error, place))
    .filter(problem => problem !== undefined)
  throw joinProblems([...problems, ...found])
}

function compile(): ValidateFunction<WrittenSpec> {
  const ajv = new Ajv({ allErrors: true, strict: true, allowUnionTypes: true, verbose: true })
  ajv.addKeyword({ keyword: 'patternErrorMessage', schemaType: 'string' })
  return ajv.compile<WrittenSpec>(applianceSchema)
}

function isSet(path: KeyPath, keys: ReadonlySet<string>): boolean {
  return path.some((_, at) => keys.has(formatKey(path.slice(0, at + 1))))
}

function explain(error: ErrorObject, place: (path: KeyPath) => string): PipelineError | undefined {
  const path = toPath(error.instancePath)
  if (path.length === 0 && error.keyword === 'type') {
    return specValue(place(path), 'appliance', `must be keys with values, found ${describe(error.data)}`)
  }
  if (error.keyword === 'required') return missing(path, String(error.params['missingProperty']), place)
  if (error.keyword === 'additionalProperties') {
    const full = [...path, String(error.params['additionalProperty'])]
    const group = nodeAt(path.map(String)) ?? {}
    return specKeyUnknown(place(full), formatKey(full), keysIn(group, formatKey(path)))
  }
  // Ajv reports a bad name of a free value twice; the pattern's error is the one that says why.
  if (error.keyword === 'propertyNames') return undefined
  const key = error.propertyName === undefined ? path : [...path, error.propertyName]
  return specValue(place(key), formatKey(key), problemOf(error), hintOf(error))
}

function missing(path: KeyPath, name: string, place: (path: KeyPath) => string): PipelineError {
  const full = [...path, name]
  return specKeyMissing(place(path), formatKey(full), nodeAt(full.map(String))?.description ?? name)
}

const kinds: Readonly<Record<string, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  object: 'keys with values',
  array: 'a list',
}

function problemOf(error: ErrorObject): string {
  const { keyword, params, data } = error
  const found = `, found ${describe(data)}`
  switch (keyword) {
    case 'type':
      return `must be ${[params['type']]
        .flat()
        .map(type => kinds[type as string])
        .join(' or ')}${found}`
    case 'enum':
      return `must be ${(params['allowedValues'] as string[]).join(' or ')}${found}`
    case 'minimum':
      return `must be at least ${params['limit']}${found}`
    case 'maximum':
      return `must be at most ${params['limit']}${found}`
    case 'pattern':
      return `${(error.parentSchema as { patternErrorMessage?: string }).patternErrorMessage ?? error.message}${found}`
    case 'uniqueItems':
      return `names ${describe((data as unknown[])[params['i'] as number])} twice`
    case 'maxItems':
      return `must have at most ${params['limit']} entries`
    default:
      return error.message ?? keyword
  }
}

/** The trap of `release: 7.9`: YAML reads a number, and 7.10 would even lose its zero. */
function hintOf({ keyword, params, data }: ErrorObject): string | undefined {
  const wantsText = keyword === 'type' && params['type'] === 'string'
  return wantsText && (typeof data === 'number' || typeof data === 'boolean')
    ? `Write it in quotes: "${data}".`
    : undefined
}

function describe(value: unknown): string {
  if (value === null || value === undefined) return 'nothing'
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}...` : value)
  if (Array.isArray(value)) return 'a list'
  return typeof value === 'object' ? 'keys with values' : String(value)
}

function toPath(pointer: string): KeyPath {
  const parts = pointer
    .split('/')
    .slice(1)
    .map(part => part.replaceAll('~1', '/').replaceAll('~0', '~'))
  return parts.map(part => (/^\d+$/.test(part) ? Number(part) : part))
}
