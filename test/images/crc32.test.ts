/** CRC-32: the table that stands in where Node has none, and sums joined without their bytes. */
import t from 'tap'
import { randomBytes } from 'node:crypto'
import { crc32, crc32ByTable, crc32Join } from '../../pipeline/images/crc32.js'

t.test('gives the check value of the standard, by Node and by table', async t => {
  const bytes = Buffer.from('123456789')
  t.same([crc32(bytes), crc32ByTable(bytes), crc32ByTable(Buffer.alloc(0))], [0xcbf43926, 0xcbf43926, 0])
})

t.test('goes on from what came before', async t => {
  const bytes = randomBytes(1000)
  t.equal(crc32ByTable(bytes.subarray(400), crc32ByTable(bytes.subarray(0, 400))), crc32ByTable(bytes))
})

t.test('joins the sums of two parts, of any length', async t => {
  const bytes = randomBytes(200_000)
  for (const at of [0, 1, 7, 65_536, 131_072, 199_999, 200_000]) {
    const [first, second] = [bytes.subarray(0, at), bytes.subarray(at)]
    t.equal(crc32Join(crc32(first), crc32(second), second.length), crc32(bytes), String(at))
  }
})
