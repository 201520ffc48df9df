/** Paths, literals and helper calls become the values that Handlebars would print. */
import Handlebars from 'handlebars'
import t from 'tap'
import { evaluate, isCall } from '../../pipeline/render/evaluate.js'
import type { Walk } from '../../pipeline/render/evaluate.js'
import { anything, rootScope } from '../../pipeline/render/scope.js'

const scope = rootScope({ a: { b: 1 }, text: "it's", none: null })

/** Evaluates what stands in `{{#if …}}`. */
function valueOf(expression: string, live = true): { value: unknown; problems: readonly string[] } {
  const walk: Walk = { file: 'a.hbs', problems: new Map() }
  const [block] = Handlebars.parse(`{{#if ${expression}}}{{/if}}`).body as hbs.AST.BlockStatement[]
  const [param] = block?.params ?? []
  if (!param) throw new Error('the test gives no expression')
  return { value: evaluate(walk, param, { ...scope, live }), problems: [...walk.problems.keys()] }
}

t.test('gives values of paths, literals and helper calls', async t => {
  const cases: Record<string, unknown> = {
    'a.b': 1,
    '"x"': 'x',
    '7': 7,
    false: false,
    null: null,
    undefined: null,
    '(sh text)': "'it'\\''s'",
    '(eq a.b 1)': true,
    '(json (eq none null))': 'true',
  }
  for (const [expression, value] of Object.entries(cases)) {
    t.same(valueOf(expression), { value, problems: [] }, expression)
  }
})

t.test('after a fault anything can be the value, and the fault is told once', async t => {
  t.same(valueOf('a.c'), { value: anything, problems: ['a.hbs:1: unknown value "a.c"'] })
  t.same(valueOf('(eq a.c a.c)'), { value: anything, problems: ['a.hbs:1: unknown value "a.c"'] })
  t.same(valueOf('(sh none)'), { value: anything, problems: ['a.hbs:1: "none" has no value here'] })
})

t.test('outside printed parts a helper is not called', async t => {
  t.same(valueOf('(sh none)', false), { value: anything, problems: [] })
})

t.test('tells a call from a value', async t => {
  const call = (text: string) => isCall(Handlebars.parse(text).body[0] as hbs.AST.MustacheStatement)
  const cases: Record<string, boolean> = {
    '{{a}}': false,
    '{{a.b}}': false,
    '{{a b}}': true,
    '{{json}}': true,
    '{{if}}': true,
    '{{a b=1}}': true,
  }
  for (const [text, wanted] of Object.entries(cases)) t.equal(call(text), wanted, text)
})
