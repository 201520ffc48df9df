import t from 'tap'
import { partBytesFor, partLimits, partsOf, singlePutBytes } from '../../pipeline/tools/part-sizes.js'

const mib = 1024 * 1024
const gib = 1024 * mib
const tib = 1024 * gib

t.test('parts cover a file of any size up to 5 TiB, within the limits of S3', async t => {
  const sizes = [singlePutBytes + 1, 6 * gib, 48 * gib, 70 * gib + 1, 85.39 * gib, tib, 5 * tib - 1, 5 * tib].map(Math.floor)
  for (const size of sizes) {
    const partBytes = partBytesFor(size)
    const parts = partsOf(size, partBytes)
    t.ok(parts.length <= 9000, `${size}: ${parts.length} parts`)
    t.ok(partBytes >= partLimits.smallestBytes && partBytes <= partLimits.largestBytes && partBytes % mib === 0)
    t.equal(parts.reduce((sum, part) => sum + part.lengthBytes, 0), size)
    t.ok(parts.every((part, at) => part.number === at + 1 && part.startBytes === at * partBytes))
    t.ok(parts.slice(0, -1).every(part => part.lengthBytes === partBytes))
  }
})

t.test('usual files have parts of 8 MiB, an empty one has none', async t => {
  const table: Record<string, [number, number, number]> = { '1 GiB': [gib, 8 * mib, 128], '6 GiB': [6 * gib, 8 * mib, 768], '5 TiB': [5 * tib, 583 * mib, 8993], nothing: [0, 8 * mib, 0] }
  for (const [name, [size, partBytes, count]] of Object.entries(table)) {
    t.same([partBytesFor(size), partsOf(size, partBytesFor(size)).length], [partBytes, count], name)
  }
})

t.test('more than 5 TiB is no object', async t => {
  t.throws(() => partBytesFor(5 * tib + 1), { message: '5497558138881 bytes are more than an S3 object can have' })
})
