/** data-extents: what qemu-img says of holes. */
import t from 'tap'
import { dataExtents } from '../../pipeline/tools/data-extents.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'

const on = 'qemu-img map --output=json -f raw -- /d.raw'

t.test('leaves holes out and joins neighbours', async t => {
  const parts = [
    { start: 0, length: 4096, data: true }, { start: 4096, length: 4096, data: true },
    { start: 8192, length: 1_000_000, data: false }, { start: 1_008_192, length: 512, data: true },
  ]
  const run = fakeRun([{ on, stdout: JSON.stringify(parts) }]).run
  t.strictSame(await dataExtents('/d.raw', run), [
    { startBytes: 0, lengthBytes: 8192 }, { startBytes: 1_008_192, lengthBytes: 512 },
  ])
})

t.test('says so when the answer cannot be read', async t => {
  const error = await failureOf(dataExtents('/d.raw', fakeRun([{ on, stdout: 'oops' }]).run))
  t.equal(error.message, 'Could not read the answer of "qemu-img map": it is not JSON.')
})
