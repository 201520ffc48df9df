/**
 * Walks a template's tree before it is rendered and finds every value it names that the data does
 * not have.
 */
import type { PipelineError } from '../errors/pipeline-error.js'
import {
  templateHelperUse,
  templateNoSingleValue,
  templateNoValue,
  templateUnknownHelper,
  templateUnsupported,
} from '../errors/render.js'
import { evaluate, evaluateCall, isCall, nameOf, placeOf, report, rightNumber } from './evaluate.js'
import type { Walk } from './evaluate.js'
import { blockHelpers } from './helpers.js'
import { anything, enter, rootScope } from './scope.js'
import type { Scope } from './scope.js'

/**
 * Every fault of the template against this data, in the order of its lines. Handlebars' own strict mode lets
 * `{{#if unknown}}`, `{{#each unknown}}` and null pass as empty; here they are faults, also in branches not taken.
 */
export function checkTemplate(file: string, tree: hbs.AST.Program, data: object): readonly PipelineError[] {
  const walk: Walk = { file, problems: new Map() }
  checkProgram(walk, tree, rootScope(data))
  return [...walk.problems.values()]
}

function checkProgram(walk: Walk, program: hbs.AST.Program | undefined, scope: Scope): void {
  for (const statement of program?.body ?? []) checkStatement(walk, statement, scope)
}

function checkStatement(walk: Walk, node: hbs.AST.Node, scope: Scope): void {
  switch (node.type) {
    case 'ContentStatement':
    case 'CommentStatement':
      return
    case 'MustacheStatement':
      return checkOutput(walk, node as hbs.AST.MustacheStatement, scope)
    case 'BlockStatement':
      return checkBlock(walk, node as hbs.AST.BlockStatement, scope)
    default: {
      const what = node.type.startsWith('Partial') ? 'partials' : 'decorators'
      report(walk, templateUnsupported(placeOf(walk, node), what, 'Write the text itself.'))
    }
  }
}

function checkOutput(walk: Walk, node: hbs.AST.MustacheStatement, scope: Scope): void {
  const path = nameOf(node.path)
  // Handlebars would look a value up by the literal's name.
  if (node.path.type !== 'PathExpression') {
    report(walk, templateUnsupported(placeOf(walk, node), 'literals as output', 'Write the text itself.'))
    return
  }
  const value = isCall(node) ? evaluateCall(walk, node, scope) : evaluate(walk, node.path, scope)
  if (!scope.live || value === anything) return
  if (value === null || value === undefined) report(walk, templateNoValue(placeOf(walk, node), path))
  else if (typeof value === 'object' || typeof value === 'function') {
    report(walk, templateNoSingleValue(placeOf(walk, node), path))
  }
}

function checkBlock(walk: Walk, node: hbs.AST.BlockStatement, scope: Scope): void {
  const name = nameOf(node.path)
  const [subject] = node.params
  if (!blockHelpers.includes(name)) {
    const known = blockHelpers.map(helper => `#${helper}`)
    report(walk, templateUnknownHelper(placeOf(walk, node), `#${name}`, known))
    return
  }
  if (!rightNumber(walk, node, 1) || !subject) return
  const value = evaluate(walk, subject, scope)
  if (name === 'each') checkEach(walk, node, { value, scope })
  else if (name === 'with') checkWith(walk, node, { value, scope })
  else checkCondition(walk, node, { value: name === 'unless' ? negated(value) : value, scope })
}

interface BlockSubject {
  readonly value: unknown
  readonly scope: Scope
}

function checkCondition(walk: Walk, node: hbs.AST.BlockStatement, { value, scope }: BlockSubject): void {
  if (paramsOf(node).length > 0) {
    report(walk, templateHelperUse(placeOf(walk, node), `${nameOf(node.path)} gives no names with "as"`))
  }
  const unknown = value === anything
  checkProgram(walk, node.program, { ...scope, live: scope.live && !unknown && !isEmpty(value) })
  checkProgram(walk, node.inverse, { ...scope, live: scope.live && !unknown && isEmpty(value) })
}

function checkWith(walk: Walk, node: hbs.AST.BlockStatement, { value, scope }: BlockSubject): void {
  const empty = value === anything || isEmpty(value)
  const context = empty ? anything : value
  const [first] = paramsOf(node)
  const inner = { ...enter(scope, context), live: scope.live && !empty }
  const params = first === undefined ? scope.params : { ...scope.params, [first]: context }
  checkProgram(walk, node.program, { ...inner, params })
  checkProgram(walk, node.inverse, { ...scope, live: scope.live && value !== anything && empty })
}

function checkEach(walk: Walk, node: hbs.AST.BlockStatement, { value, scope }: BlockSubject): void {
  if (value !== anything && value !== null && value !== undefined && typeof value !== 'object') {
    const problem = `each takes a list or group, "${nameOf(node.params[0])}" is a single value`
    report(walk, templateHelperUse(placeOf(walk, node), problem))
    return
  }
  const items = itemsOf(value)
  const [itemName, keyName] = paramsOf(node)
  const checkItem = (item: unknown, frame: Readonly<Record<string, unknown>>, live: boolean): void => {
    const params = {
      ...scope.params,
      ...(itemName && { [itemName]: item }),
      ...(keyName && { [keyName]: frame['key'] }),
    }
    checkProgram(walk, node.program, { ...enter(scope, item, frame), params, live })
  }
  for (const [index, [key, item]] of items.entries()) {
    checkItem(item, { key, index, first: index === 0, last: index === items.length - 1 }, scope.live)
  }
  if (items.length === 0) {
    checkItem(anything, { key: anything, index: anything, first: true, last: true }, false)
  }
  checkProgram(walk, node.inverse, { ...scope, live: scope.live && value !== anything && items.length === 0 })
}

/** Key and item of a list (its keys are numbers) or group; none of null and of what cannot be known. */
function itemsOf(value: unknown): readonly (readonly [key: unknown, item: unknown])[] {
  if (Array.isArray(value)) return value.map((item: unknown, index) => [index, item] as const)
  return typeof value === 'object' && value !== null ? Object.entries(value) : []
}

/** What Handlebars takes for empty: also 0 and the empty list, but not the empty group. */
function isEmpty(value: unknown): boolean {
  return !value || (Array.isArray(value) && value.length === 0)
}

function negated(value: unknown): unknown {
  return value === anything ? anything : isEmpty(value)
}

/** `as |item key|` is on the block's program, or on its inverse for `{{^each}}`. */
function paramsOf(node: hbs.AST.BlockStatement): readonly string[] {
  return node.program?.blockParams ?? node.inverse?.blockParams ?? []
}
