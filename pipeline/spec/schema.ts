/**
 * appliance.schema.json as data, and the questions asked of it: which keys there are, and what each
 * takes.
 */
import { createRequire } from 'node:module'

/** The part of JSON Schema that appliance.schema.json uses. */
export interface SchemaNode {
  readonly description?: string
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, SchemaNode>>
  readonly additionalProperties?: boolean | SchemaNode
  readonly patternErrorMessage?: string
  readonly default?: unknown
}

// Not `import ... with { type: 'json' }`: Node 20 prints a warning for it on every start.
export const applianceSchema = createRequire(import.meta.url)('./appliance.schema.json') as SchemaNode

/** The dotted keys directly inside a node. */
export function keysIn(node: SchemaNode, prefix = ''): readonly string[] {
  return Object.keys(node.properties ?? {}).map(key => (prefix ? `${prefix}.${key}` : key))
}

/** The dotted keys that hold a value and are no group; an open group counts as one key. */
export function valueKeys(node: SchemaNode = applianceSchema, prefix = ''): readonly string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const dotted = prefix ? `${prefix}.${key}` : key
    return child.properties ? valueKeys(child, dotted) : [dotted]
  })
}

/**
 * The node for a dotted key: members of an open group (`params.x`) included; undefined when there
 * is no such key.
 */
export function nodeAt(path: readonly string[], from: SchemaNode = applianceSchema): SchemaNode | undefined {
  let node: SchemaNode | undefined = from
  for (const key of path) {
    const properties: Readonly<Record<string, SchemaNode>> = node.properties ?? {}
    const open: SchemaNode | undefined =
      typeof node.additionalProperties === 'object' ? node.additionalProperties : undefined
    node = Object.hasOwn(properties, key) ? properties[key] : open
    if (!node) return undefined
  }
  return node
}
