import t from 'tap'
import { createHash } from 'node:crypto'
import { deflateRawSync, deflateSync } from 'node:zlib'
import { createReencoder } from '../../pipeline/release/reencode.js'
import { qcow2WindowBits } from '../../pipeline/tools/qcow2-clusters.js'

const content = Buffer.from(Array.from({ length: 9000 }, (_, index) => (index * index) % 251))
const digestOf = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex').slice(0, 32)

t.test('content is compressed into the very bytes of the release, at whatever level those were made', async t => {
  const releases = {
    stored: [content], zlib: [6, 1, 9].map(level => deflateSync(content, { level })),
    qcow2: [6, 1, 9].flatMap(level => [8, 9].map(memLevel => deflateRawSync(content, { level, memLevel, windowBits: qcow2WindowBits }))),
  }
  for (const encoding of ['stored', 'zlib', 'qcow2'] as const) {
    const reencoder = createReencoder(encoding)
    for (const [at, bytes] of releases[encoding].entries()) t.ok((await reencoder.encode(content, digestOf(bytes)))?.equals(bytes), `${encoding} ${at}`)
  }
})

t.test('bytes that no way leads to are not made, and after many such nothing is tried any more', async t => {
  const reencoder = createReencoder('zlib')
  for (let tries = 0; tries < 24; tries += 1) t.equal(await reencoder.encode(content, 'x'), undefined)
  t.equal(await reencoder.encode(content, digestOf(deflateSync(content))), undefined)
})

t.test('one hit keeps it trying', async t => {
  const reencoder = createReencoder('zlib')
  const bytes = deflateSync(content)
  await reencoder.encode(content, digestOf(bytes))
  for (let tries = 0; tries < 30; tries += 1) await reencoder.encode(content, 'x')
  t.ok((await reencoder.encode(content, digestOf(bytes)))?.equals(bytes))
})
