/** Grains compressed in both ways, as their readers inflate them. */
import t from 'tap'
import { randomBytes } from 'node:crypto'
import zlib from 'node:zlib'
import { adler32, deflateGrain } from '../../pipeline/images/deflate.js'
import { grainBytes } from '../../pipeline/images/types.js'

const grains: Readonly<Record<string, Buffer>> = {
  zeros: Buffer.alloc(grainBytes),
  noise: randomBytes(grainBytes),
  text: Buffer.alloc(grainBytes, 'the quick brown fox '),
}

for (const [name, grain] of Object.entries(grains)) {
  t.test(`${name}: two bodies and a final block are one stream`, async t => {
    const body = deflateGrain('stream', grain)
    const stream = Buffer.concat([body, body, Buffer.from([0x03, 0x00])])
    t.ok(zlib.inflateRawSync(stream).equals(Buffer.concat([grain, grain])))
    t.throws(() => zlib.inflateRawSync(body), { code: 'Z_BUF_ERROR' }, 'without it the stream goes on')
  })

  t.test(`${name}: with header and Adler-32 it is a zlib stream`, async t => {
    const sum = Buffer.alloc(4)
    sum.writeUInt32BE(adler32(grain))
    const stream = Buffer.concat([Buffer.from([0x78, 0x9c]), deflateGrain('stream', grain), Buffer.from([0x03, 0x00]), sum])
    t.ok(zlib.inflateSync(stream).equals(grain))
  })

  t.test(`${name}: a qcow2 cluster inflates with a window of 4 KiB`, async t => {
    t.ok(zlib.inflateRawSync(deflateGrain('qcow2', grain), { windowBits: 12 }).equals(grain))
  })
}
