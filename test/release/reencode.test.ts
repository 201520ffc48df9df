import t from 'tap'
import { createHash } from 'node:crypto'
import { deflateRawSync, deflateSync } from 'node:zlib'
import { adler32, deflateGrain } from '../../pipeline/images/deflate.js'
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

t.test('content that our own writers compressed gets their bytes again', async t => {
  // Of more symbols than deflate keeps at once with less memory: where it cuts its blocks then is another place.
  let state = 7
  const varied = Buffer.from(Array.from({ length: 65536 }, (_, index) => ((state = (state * 48271) % 2147483647) % (1 + (index >> 9))) & 0xff))
  const raw = Buffer.from(deflateGrain('stream', varied))
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(adler32(varied))
  const releases = {
    deflate: raw,
    zlib: Buffer.concat([Buffer.from([0x78, 0x9c]), raw, Buffer.from([0x03, 0x00]), sum]),
    qcow2: Buffer.from(deflateGrain('qcow2', varied)),
  }
  for (const encoding of ['deflate', 'zlib', 'qcow2'] as const) {
    t.ok((await createReencoder(encoding).encode(varied, digestOf(releases[encoding])))?.equals(releases[encoding]), encoding)
  }
})

t.test('bytes that no way leads to are not made, and after many such nothing is tried any more', async t => {
  const reencoder = createReencoder('zlib')
  for (let tries = 0; tries < 24; tries += 1) t.equal(await reencoder.encode(content, 'x'), undefined)
  t.equal(await reencoder.encode(content, digestOf(deflateSync(content))), undefined)
})

t.test('zeros that nobody makes again are no reason to give up', async t => {
  const reencoder = createReencoder('deflate')
  for (let tries = 0; tries < 40; tries += 1) await reencoder.encode(Buffer.alloc(65536), 'x')
  const bytes = Buffer.from(deflateGrain('stream', content))
  t.ok((await reencoder.encode(content, digestOf(bytes)))?.equals(bytes))
})

t.test('one hit keeps it trying', async t => {
  const reencoder = createReencoder('zlib')
  const bytes = deflateSync(content)
  await reencoder.encode(content, digestOf(bytes))
  for (let tries = 0; tries < 30; tries += 1) await reencoder.encode(content, 'x')
  t.ok((await reencoder.encode(content, digestOf(bytes)))?.equals(bytes))
})
