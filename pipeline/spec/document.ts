/** Reads appliance.yaml's text into plain data and remembers the line of every key. */
import { LineCounter, isAlias, isMap, isScalar, isSeq, parseDocument, visit } from 'yaml'
import type { Document, Node, Scalar } from 'yaml'
import { joinProblems } from '../errors/pipeline-error.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { specSyntax } from '../errors/spec.js'

/** Where a value stands: map keys and list positions from the top. */
export type KeyPath = readonly (string | number)[]

export interface SpecDocument {
  readonly data: unknown
  /** `file:line` of a key, or of the nearest key above it that is there. */
  readonly place: (path: KeyPath) => string
}

/**
 * Parses the text of `file` (a name for messages). Throws one PipelineError `spec-syntax`, or several joined:
 * YAML errors and warnings, duplicate keys, aliases, keys that are no plain words.
 */
export function parseSpecDocument(file: string, text: string): SpecDocument {
  const lines = new LineCounter()
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
  })
  const placeAt = (offset: number): string => `${file}:${lines.linePos(offset).line}`
  const problems = [
    ...[...document.errors, ...document.warnings].map(found =>
      specSyntax(placeAt(found.pos[0]), lowerFirst(found.message))
    ),
    ...unwantedNodes(document, placeAt),
  ]
  if (problems.length > 0) throw joinProblems(problems)
  return { data: document.toJS(), place: path => placeAt(offsetOf(document.contents, path)) }
}

/** `hardware.cpus`, `targets[1]` */
export function formatKey(path: KeyPath): string {
  return path
    .map((part, at) => (typeof part === 'number' ? `[${part}]` : at === 0 ? part : `.${part}`))
    .join('')
}

/**
 * Aliases are refused as a whole: a short description needs none, and none can then blow up or turn
 * in a circle.
 */
function unwantedNodes(document: Document, placeAt: (offset: number) => string): PipelineError[] {
  const problems: PipelineError[] = []
  visit(document, {
    Alias: (_, alias) => {
      problems.push(
        specSyntax(
          placeAt(alias.range?.[0] ?? 0),
          `the alias *${alias.source} is not supported here: write the value out`
        )
      )
    },
    Pair: (_, { key }) => {
      if (isAlias(key) || (isScalar(key) && typeof key.value === 'string')) return
      problems.push(specSyntax(placeAt((key as Node | null)?.range?.[0] ?? 0), 'a key must be a plain word'))
    },
  })
  return problems
}

function offsetOf(contents: unknown, path: KeyPath): number {
  let node = contents
  let offset = 0
  for (const part of path) {
    if (isMap(node)) {
      const pair = node.items.find(({ key }) => (key as Scalar).value === part)
      if (!pair) break
      offset = (pair.key as Scalar).range?.[0] ?? offset
      node = pair.value
    } else if (isSeq(node) && typeof part === 'number') {
      node = node.items[part]
      offset = (node as Node | undefined)?.range?.[0] ?? offset
    } else break
  }
  return offset
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1)
}
