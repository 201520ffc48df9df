/** Needles kept beside stage results. */
import t from 'tap'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { distinctNeedles, keepNeedles, needlesName, readNeedles } from '../../pipeline/run/needles.js'

const mirror = { name: "the build host's mirror", value: 'a.example' }
const other = { name: "the build host's mirror", value: 'b.example' }

t.test('keeps each once, for this user only', async t => {
  const directory = t.testdir({})
  await keepNeedles(directory, [mirror, other, { ...mirror }])
  t.same(await readNeedles(directory), [mirror, other])
  t.equal(statSync(join(directory, needlesName)).mode & 0o777, 0o600)
})

t.test('tells by name and value what is the same', async t => {
  t.same(distinctNeedles([mirror, { ...mirror, name: 'canary' }, mirror]), [mirror, { ...mirror, name: 'canary' }])
})
