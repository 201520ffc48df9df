/** Keys and the words for a change. */
import t from 'tap'
import { canonicalJson, explainMiss, stageKey } from '../../pipeline/run/key.js'
import type { Json } from '../../pipeline/tools/json.js'

t.test('does not depend on the order of keys, but on everything else', async t => {
  t.equal(stageKey({ a: 1, b: { c: [1, 2], d: null } }), stageKey({ b: { d: null, c: [1, 2] }, a: 1 }))
  t.not(stageKey({ a: [1, 2] }), stageKey({ a: [2, 1] }))
  t.not(stageKey({ a: 1 }), stageKey({ a: '1' }))
  t.match(stageKey({}), /^[0-9a-f]{64}$/)
})

t.test('writes JSON that reads back the same', async t => {
  const value = { z: ['"', '\n', 'é'], a: { y: true, x: 1.5 } }
  t.equal(canonicalJson(value), '{"a":{"x":1.5,"y":true},"z":["\\"","\\n","é"]}')
  t.same(JSON.parse(canonicalJson(value)), value)
})

t.test('refuses what JSON cannot hold', async t => {
  t.throws(() => canonicalJson({ a: Number.NaN }), { message: 'not a number for JSON: NaN' })
  const forgotten = JSON.parse('{}') as Record<string, Json>
  t.throws(() => canonicalJson({ a: forgotten['key'] as Json }), { message: 'no value for JSON: undefined' })
})

const before = {
  files: { 'first-boot/10-network': 'a'.repeat(64), 'first-boot/20-cloud': 'b'.repeat(64) },
  tools: { qemu: '7.2.0' },
  packages: ['incus=6.0.4-2', 'linux-image=6.12.1'],
}

t.test('says what changed', async t => {
  const cases: Readonly<Record<string, readonly [Json, string]>> = {
    'a file': [{ ...before, files: { ...before.files, 'first-boot/10-network': 'c'.repeat(64) } }, 'first-boot/10-network changed'],
    'a new file': [{ ...before, files: { ...before.files, 'first-boot/30-demo': 'c' } }, 'first-boot/30-demo is new'],
    'a removed file': [{ ...before, files: { 'first-boot/20-cloud': 'b'.repeat(64) } }, 'first-boot/10-network is gone'],
    'a value': [{ ...before, tools: { qemu: '10.0.2' } }, 'tools.qemu changed from 7.2.0 to 10.0.2'],
    'a package': [
      { ...before, packages: ['incus=6.0.5-1', 'linux-image=6.12.1'] },
      'packages: incus=6.0.5-1 is new, packages: incus=6.0.4-2 is gone',
    ],
    'an order': [{ ...before, packages: [...before.packages].reverse() }, 'packages: the order changed'],
    'four things': [
      { files: {}, tools: {}, packages: ['linux-image=6.12.1'] },
      'first-boot/10-network is gone, first-boot/20-cloud is gone, packages: incus=6.0.4-2 is gone and 1 more',
    ],
  }
  for (const [name, [inputs, words]] of Object.entries(cases)) t.equal(explainMiss(inputs, [before]), words, name)
})

t.test('compares with the most similar earlier run, the newest among equals', async t => {
  const now = { a: 1, b: 1, c: 1 }
  t.equal(explainMiss(now, [{ a: 2, b: 2, c: 2 }, { a: 1, b: 3, c: 1 }, { a: 4, b: 1, c: 1 }]), 'b changed from 3 to 1')
})

t.test('says that there was no run, or that its result is gone', async t => {
  t.equal(explainMiss(before, []), 'first run')
  t.equal(explainMiss(before, [before]), 'its stored result is gone')
})
