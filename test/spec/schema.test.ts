/** The schema answers which keys there are; every key says what it is for. */
import t from 'tap'
import { applianceSchema, keysIn, nodeAt, valueKeys } from '../../pipeline/spec/schema.js'

t.test('lists the keys of a group and the keys that hold values', async t => {
  t.same(keysIn(nodeAt(['hardware']) ?? {}, 'hardware'), [
    'hardware.cpus',
    'hardware.memoryMib',
    'hardware.diskGib',
  ])
  const keys = valueKeys()
  t.ok(keys.includes('hardware.cpus') && keys.includes('title') && keys.includes('params'))
  t.notOk(keys.includes('hardware'))
})

t.test('finds members of the open group and no inherited names', async t => {
  t.same(nodeAt(['params', 'colour'])?.type, ['string', 'number', 'boolean'])
  for (const path of [['params', 'a', 'b'], ['hardware', 'cpu'], ['toString'], ['__proto__'], ['']]) {
    t.equal(nodeAt(path), undefined, path.join('.'))
  }
})

t.test('every key has a description, which editors show', async t => {
  for (const key of [...Object.keys(applianceSchema.properties ?? {}), ...valueKeys()]) {
    t.match(nodeAt(key.split('.'))?.description, /^\S.*\.$/, key)
  }
})
