/** `--set key=value`: replaces values of the description before it is validated. */
import { parseDocument } from 'yaml'
import { setGroup, setWithoutValue, specKeyUnknown, specSyntax } from '../errors/spec.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { keysIn, nodeAt, valueKeys } from './schema.js'
import type { SchemaNode } from './schema.js'

export interface AppliedSets {
  readonly data: unknown
  /** Dotted keys that came from --set: faults in them are reported as such. */
  readonly keys: ReadonlySet<string>
  readonly problems: readonly PipelineError[]
}

/** Applies `key=value` arguments in order, the last of equal keys wins; `data` itself stays as it is. */
export function applySets(data: unknown, set: readonly string[]): AppliedSets {
  const copy: unknown = structuredClone(data)
  const keys = new Set<string>()
  const problems: PipelineError[] = []
  for (const argument of set) {
    const parsed = parseSet(argument)
    if ('problem' in parsed) {
      problems.push(parsed.problem)
      continue
    }
    // A description that is no map of keys is reported by validation; there is nothing to set in it.
    if (isGroup(copy)) put(copy, parsed.key.split('.'), parsed.value)
    keys.add(parsed.key)
  }
  return { data: copy, keys, problems }
}

type ParsedSet = { readonly key: string; readonly value: unknown } | { readonly problem: PipelineError }

function parseSet(argument: string): ParsedSet {
  const at = argument.indexOf('=')
  if (at < 0) return { problem: setWithoutValue(argument) }
  const key = argument.slice(0, at).trim()
  const node = nodeAt(key.split('.'))
  if (!node) return { problem: specKeyUnknown('--set', key, valueKeys()) }
  if (node.properties) return { problem: setGroup(key, keysIn(node, key)) }
  if (typeof node.additionalProperties === 'object') return { problem: setGroup(key, [`${key}.<name>`]) }
  return parseValue(key, argument.slice(at + 1), node)
}

/** A YAML value; where the key takes text, `7.9` is text without quotes too. */
function parseValue(key: string, raw: string, node: SchemaNode): ParsedSet {
  const document = parseDocument(raw, { prettyErrors: false })
  const fault = document.errors[0] ?? document.warnings[0]
  const value: unknown = fault ? undefined : toPlain(document)
  if (node.type === 'string' && typeof value !== 'string') return { key, value: raw }
  if (fault || value === undefined)
    return { problem: specSyntax('--set', `${key}: "${raw}" is not a YAML value`) }
  return { key, value }
}

function toPlain(document: ReturnType<typeof parseDocument>): unknown {
  try {
    return document.toJS()
  } catch {
    return undefined
  }
}

function put(target: Record<string, unknown>, path: readonly string[], value: unknown): void {
  const [key = '', ...rest] = path
  if (rest.length === 0) {
    // Not an assignment: the key __proto__ must stay a key, so that validation sees and refuses it.
    Object.defineProperty(target, key, { value, enumerable: true, writable: true, configurable: true })
    return
  }
  const inner = isGroup(target[key]) ? target[key] : {}
  target[key] = inner
  put(inner, rest, value)
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
