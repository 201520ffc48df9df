/** Keys of stage results: the hash of everything that went in, and words for what changed. */
import { createHash } from 'node:crypto'

import type { Json } from '../tools/json.js'

/** Lower-case hex SHA-256 of the inputs; the order of an object's keys does not matter. */
export function stageKey(inputs: Json): string {
  return createHash('sha256').update(canonicalJson(inputs)).digest('hex')
}

/** JSON with sorted keys and no white space. Throws TypeError on what JSON cannot hold (a bug of ours). */
export function canonicalJson(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`
  if (isObject(value)) {
    const members = Object.keys(value).sort().map(name => `${JSON.stringify(name)}:${canonicalJson(value[name] as Json)}`)
    return `{${members.join(',')}}`
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError(`not a number for JSON: ${value}`)
  const text = JSON.stringify(value)
  if (text === undefined) throw new TypeError(`no value for JSON: ${String(value)}`)
  return text
}

const reasonLimit = 3

/**
 * Why a stage must run: its inputs compared with the most similar earlier run (`previous` is newest first).
 * `first-boot/10-network changed`; `first run` when there is none.
 */
export function explainMiss(inputs: Json, previous: readonly Json[]): string {
  const candidates = previous.map(earlier => differences(earlier, inputs, [])).filter(found => found.length > 0)
  // Sorting is stable, so among equals the newest stays first.
  const [reasons] = candidates.sort((a, b) => a.length - b.length)
  if (!reasons) return previous.length > 0 ? 'its stored result is gone' : 'first run'
  const rest = reasons.length - reasonLimit
  const shown = reasons.slice(0, reasonLimit).join(', ')
  return rest > 0 ? `${shown} and ${rest} more` : shown
}

function differences(before: Json, after: Json, path: readonly string[]): string[] {
  if (canonicalJson(before) === canonicalJson(after)) return []
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(after), ...Object.keys(before)])].sort()
    return names.flatMap(name => memberDifferences(before[name], after[name], [...path, name]))
  }
  if (isWords(before) && isWords(after)) return wordDifferences(before, after, label(path))
  return [`${label(path)} changed${fromTo(before, after)}`]
}

function memberDifferences(before: Json | undefined, after: Json | undefined, path: readonly string[]): string[] {
  if (before === undefined) return [`${label(path)} is new`]
  if (after === undefined) return [`${label(path)} is gone`]
  return differences(before, after, path)
}

/** Lists such as the package set: what came and what went. */
function wordDifferences(before: readonly string[], after: readonly string[], name: string): string[] {
  const came = after.filter(word => !before.includes(word)).map(word => `${name}: ${word} is new`)
  const went = before.filter(word => !after.includes(word)).map(word => `${name}: ${word} is gone`)
  return came.length + went.length > 0 ? [...came, ...went] : [`${name}: the order changed`]
}

/** A file's path speaks for itself; other values are named by where they are. */
function label(path: readonly string[]): string {
  const last = path.at(-1)
  if (last === undefined) return 'the inputs'
  return last.includes('/') ? last : path.join('.')
}

const longestShown = 30

/** Hashes and long texts say nothing to a person. */
function fromTo(before: Json, after: Json): string {
  const [from, to] = [before, after].map(value => (typeof value === 'object' ? '' : String(value)))
  if (!from || !to || from.length > longestShown || to.length > longestShown) return ''
  return ` from ${from} to ${to}`
}

function isObject(value: Json): value is { readonly [key: string]: Json } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isWords(value: Json): value is readonly string[] {
  return Array.isArray(value) && value.every(word => typeof word === 'string')
}
