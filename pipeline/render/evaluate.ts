/** Evaluates a template's paths and helper calls against the data, and reports what cannot be had. */
import type { PipelineError } from '../errors/pipeline-error.js'
import {
  templateHelperUse,
  templateNoValue,
  templateUnknownHelper,
  templateUnknownValue,
} from '../errors/render.js'
import type { TemplatePlace } from '../errors/render.js'
import { blockHelpers, templateHelpers } from './helpers.js'
import { anything, resolvePath } from './scope.js'
import type { Scope, TemplatePath } from './scope.js'

type Node = hbs.AST.Node
type Call = Pick<hbs.AST.MustacheStatement, 'path' | 'params' | 'hash' | 'loc'>

export interface Walk {
  readonly file: string
  /** By message: a loop's body is walked once per item and would report the same fault again. */
  readonly problems: Map<string, PipelineError>
}

/** Keeps a fault; what the faulty place would have given can be anything. */
export function report(walk: Walk, problem: PipelineError): typeof anything {
  walk.problems.set(problem.message, problem)
  return anything
}

export function placeOf(walk: Walk, node: Pick<Node, 'loc'>): TemplatePlace {
  return { file: walk.file, line: node.loc.start.line }
}

/** Whether a tag calls a helper; a plain word that is a helper's name does, too. */
export function isCall({ path, params, hash }: Call): boolean {
  return (
    params.length > 0 ||
    hash !== undefined ||
    Object.hasOwn(templateHelpers, nameOf(path)) ||
    blockHelpers.includes(nameOf(path))
  )
}

/** The value of a path, literal or sub-expression; `anything` after a fault and in parts not printed. */
export function evaluate(walk: Walk, node: hbs.AST.Expression, scope: Scope): unknown {
  switch (node.type) {
    case 'PathExpression': {
      const path = node as hbs.AST.PathExpression
      const found = resolvePath(path as TemplatePath, scope)
      return 'value' in found
        ? found.value
        : report(walk, templateUnknownValue(placeOf(walk, node), path.original, found.known))
    }
    case 'SubExpression':
      return evaluateCall(walk, node as hbs.AST.SubExpression, scope)
    case 'NullLiteral':
    case 'UndefinedLiteral':
      return null
    default:
      return (node as hbs.AST.StringLiteral).value
  }
}

/** What a helper gives; outside printed parts it is not called, as its values may be null there. */
export function evaluateCall(walk: Walk, node: Call, scope: Scope): unknown {
  const name = nameOf(node.path)
  const helper = Object.hasOwn(templateHelpers, name) ? templateHelpers[name] : undefined
  const values = node.params.map(param => evaluate(walk, param, scope))
  const place = placeOf(walk, node)
  if (!helper) return report(walk, templateUnknownHelper(place, name, Object.keys(templateHelpers)))
  if (!rightNumber(walk, node, helper.values) || !scope.live || values.includes(anything)) return anything
  const empty = helper.takesNull ? -1 : values.findIndex(value => value === null || value === undefined)
  if (empty >= 0) return report(walk, templateNoValue(place, nameOf(node.params[empty])))
  try {
    return helper.call(...values)
  } catch (error) {
    return report(walk, templateHelperUse(place, (error as Error).message))
  }
}

/** Reports a call with another number of values than the helper takes. */
export function rightNumber(walk: Walk, node: Call, wanted: number): boolean {
  const name = nameOf(node.path)
  const problem =
    node.hash !== undefined
      ? `${name} takes no named values`
      : `${name} takes ${wanted === 1 ? 'one value' : `${wanted} values`}, found ${node.params.length}`
  if (node.hash === undefined && node.params.length === wanted) return true
  report(walk, templateHelperUse(placeOf(walk, node), problem))
  return false
}

/** How a node is written in the template, for messages. */
export function nameOf(node: Node | undefined): string {
  const { original } = (node ?? {}) as { original?: unknown }
  return original === undefined ? 'the result of a helper' : String(original)
}
