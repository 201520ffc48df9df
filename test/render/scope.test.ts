/** Paths lead where Handlebars leads them: the checker's idea and Handlebars' print are held together. */
import t from 'tap'
import { anything, enter, resolvePath, rootScope } from '../../pipeline/render/scope.js'

function path(original: string, parts: readonly string[], depth = 0, data = false) {
  return { original, parts, depth, data }
}

const outer = rootScope({ a: { b: 1, none: null }, list: ['x'] })

t.test('resolves values and says what is known where a path breaks off', async t => {
  t.same(resolvePath(path('a.b', ['a', 'b']), outer), { value: 1 })
  t.same(resolvePath(path('a.c', ['a', 'c']), outer), { known: ['b', 'none'] })
  t.same(resolvePath(path('a.b.c', ['a', 'b', 'c']), outer), { known: undefined })
  t.same(resolvePath(path('toString', ['toString']), outer), { known: ['a', 'list'] })
  t.same(resolvePath(path('../a', ['a'], 1), outer), { known: [] })
  t.same(resolvePath(path('@root.a.b', ['root', 'a', 'b'], 0, true), outer), { value: 1 })
  t.same(resolvePath(path('@index', ['index'], 0, true), outer), { known: ['root'] })
})

t.test(
  "what lies under null is unknown where it is printed, and nobody's business where it is not",
  async t => {
    const below = path('a.none.x', ['a', 'none', 'x'])
    t.same(resolvePath(below, outer), { known: undefined })
    t.same(resolvePath(below, { ...outer, live: false }), { value: anything })
  }
)

t.test('a block that keeps `this` adds no step for ../', async t => {
  t.equal(enter(outer, outer.contexts[0]).contexts.length, 1)
  t.equal(enter(outer, 'x', { index: 0 }).contexts.length, 2)
  t.equal(enter(outer, 'x', { index: 0 }).frames.length, 2)
})
