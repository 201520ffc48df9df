/** What a rule between fields is: from a complete spec to what does not go together in it. */
import type { KeyPath } from './document.js'
import type { Spec } from './types.js'

export interface Violation {
  readonly path: KeyPath
  readonly problem: string
  readonly hint: string
}

export type Rule = (spec: Spec, knownTargets: readonly string[]) => readonly Violation[]
