import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { heldBody, sliceBody, textBody } from '../../pipeline/tools/body.js'
import type { Body } from '../../pipeline/tools/s3.js'

const { signal } = new AbortController()
const content = randomBytes(3 * 1024 * 1024 + 5)
const digest = (algorithm: string, bytes: Buffer) => createHash(algorithm).update(bytes).digest('hex')

async function sent(body: Body): Promise<Buffer> {
  const opened = body.open()
  return Buffer.isBuffer(opened) ? opened : Buffer.concat(await opened.toArray())
}

t.test('a slice has the digests of the bytes that are sent, at each try', async t => {
  const path = join(t.testdir({}), 'file')
  writeFileSync(path, content)
  for (const [startBytes, lengthBytes] of [[0, content.length], [1_000_001, 2_000_000], [7, 0]] as const) {
    const bytes = content.subarray(startBytes, startBytes + lengthBytes)
    const body = await sliceBody({ path, startBytes, lengthBytes }, signal)
    t.match(body, { lengthBytes, sha256: digest('sha256', bytes), md5: digest('md5', bytes) })
    for (const _ of [1, 2]) t.ok((await sent(body)).equals(bytes))
  }
})

t.test('a slice that is held is read once: what is sent has its digests, whatever became of the file', async t => {
  const path = join(t.testdir({}), 'file')
  writeFileSync(path, content)
  const bytes = content.subarray(1_000_001, 3_000_001)
  const body = await heldBody({ path, startBytes: 1_000_001, lengthBytes: bytes.length }, Buffer.alloc(bytes.length), signal)
  writeFileSync(path, 'other')
  t.equal(await heldBody({ path, startBytes: 0, lengthBytes: 6 }, Buffer.alloc(6), signal), undefined, 'and nothing is made of what ends before')
  if (!body) throw new Error('it was whole')
  t.match(body, { lengthBytes: bytes.length, sha256: digest('sha256', bytes), md5: digest('md5', bytes) })
  for (const _ of [1, 2]) t.ok((await sent(body)).equals(bytes))
})

t.test('a file that was cut short has other digests', async t => {
  const path = join(t.testdir({}), 'file')
  writeFileSync(path, content)
  truncateSync(path, 100)
  t.equal((await sliceBody({ path, startBytes: 0, lengthBytes: content.length }, signal)).sha256, digest('sha256', content.subarray(0, 100)))
})

t.test('a text is counted in bytes', async t => {
  const body = textBody('für alle')
  t.match(body, { lengthBytes: 9, sha256: digest('sha256', Buffer.from('für alle')) })
  t.equal((await sent(body)).toString(), 'für alle')
})
