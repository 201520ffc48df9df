/** The hash that names a stage's result. */
import { createHash } from 'node:crypto'
import type { Json } from '../tools/json.js'

/** SHA-256, hex, of the value as JSON with sorted keys: equal inputs have equal keys however they were put together. */
export function stageKey(inputs: Json): string {
  return createHash('sha256').update(JSON.stringify(sorted(inputs))).digest('hex')
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value as Readonly<Record<string, Json>>)
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, item]) => [key, sorted(item)]))
}
