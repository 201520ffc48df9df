import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { openHash } from '../../pipeline/tools/hash-thread.js'

const bytes = randomBytes(300_000)
const digest = createHash('sha256').update(bytes).digest('hex')
const sizes = { 'few bytes, here': 300_000, 'many bytes, in a thread': 100 * 1024 * 1024 }

for (const [name, expectedBytes] of Object.entries(sizes)) {
  t.test(`hashes in the order of the calls: ${name}`, async t => {
    const hash = openHash(expectedBytes)
    const shared = Buffer.from(new SharedArrayBuffer(100_000))
    bytes.copy(shared)
    await Promise.all([hash.update(shared), hash.update(bytes.subarray(100_000, 100_001)), hash.update(bytes.subarray(100_001))])
    t.equal(await hash.digest(), digest)
    await hash.close()
  })
}

t.test('a thread that was closed answers no more, and says so', async t => {
  const hash = openHash(100 * 1024 * 1024)
  await hash.close()
  await t.rejects(hash.update(bytes), { message: 'the hash thread is closed' })
})
