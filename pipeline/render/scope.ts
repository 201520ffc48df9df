/**
 * Where a template's path leads: contexts, `../`, `@index` and block parameters, resolved as
 * Handlebars does.
 */

/**
 * Stands for a value that cannot be known before rendering: an item of an empty list, what a faulty
 * path would have given.
 */
export const anything = Symbol('anything')

export interface Scope {
  /** `this` of each block from outside to inside. */
  readonly contexts: readonly unknown[]
  /** `@` values of each `each` from outside to inside; the first holds `@root`. */
  readonly frames: readonly Readonly<Record<string, unknown>>[]
  /** Names given by `as |item|`. */
  readonly params: Readonly<Record<string, unknown>>
  /** Whether this part will be printed: false inside a branch that is not taken. */
  readonly live: boolean
}

export function rootScope(data: object): Scope {
  return { contexts: [data], frames: [{ root: data }], params: {}, live: true }
}

/**
 * The scope inside a block whose `this` is `context`; Handlebars counts no `../` for a block that
 * keeps `this`.
 */
export function enter(scope: Scope, context: unknown, frame?: Readonly<Record<string, unknown>>): Scope {
  const kept = context !== anything && context === scope.contexts.at(-1)
  return {
    ...scope,
    contexts: kept ? scope.contexts : [...scope.contexts, context],
    frames: frame ? [...scope.frames, { root: scope.frames[0]?.['root'], ...frame }] : scope.frames,
  }
}

/** The part of Handlebars' PathExpression that resolving needs. */
export interface TemplatePath {
  readonly original: string
  readonly data: boolean
  readonly depth: number
  readonly parts: readonly string[]
}

export type Resolved = { readonly value: unknown } | { readonly known: readonly string[] | undefined }

/**
 * The value of a path, or the names that are known where it breaks off (undefined: a single value
 * is there).
 */
export function resolvePath(path: TemplatePath, scope: Scope): Resolved {
  const start = startOf(path, scope)
  if (start === undefined) return { known: [] }
  let value = start.value
  for (const part of start.parts) {
    if (value === anything) return { value: anything }
    if (typeof value !== 'object' || value === null) {
      // A branch that is guarded against null is not printed; what it names cannot be known.
      return value === null && !scope.live ? { value: anything } : { known: undefined }
    }
    if (!Object.hasOwn(value, part)) return { known: Array.isArray(value) ? [] : Object.keys(value) }
    value = (value as Readonly<Record<string, unknown>>)[part]
  }
  return { value }
}

function startOf(path: TemplatePath, scope: Scope): { value: unknown; parts: readonly string[] } | undefined {
  const { data, depth, parts, original } = path
  const [first = '', ...rest] = parts
  if (data) {
    const frame = scope.frames.at(-1 - depth)
    return frame && { value: frame, parts }
  }
  const scoped = /^\.|^this\b/.test(original)
  if (depth === 0 && !scoped && Object.hasOwn(scope.params, first))
    return { value: scope.params[first], parts: rest }
  if (depth >= scope.contexts.length) return undefined
  return { value: scope.contexts.at(-1 - depth), parts }
}
