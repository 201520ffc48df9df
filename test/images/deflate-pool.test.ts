/** Real worker threads: what they give is what was asked for, in its order, and nobody waits for ever. */
import t from 'tap'
import { inflateRawSync } from 'node:zlib'
import { crc32 } from '../../pipeline/images/crc32.js'
import { adler32 } from '../../pipeline/images/deflate.js'
import { createDeflatePool } from '../../pipeline/images/deflate-pool.js'
import { blockBytes, grainBytes } from '../../pipeline/images/types.js'
import { sharedPool } from '../fixtures/shared-pool.js'

/** Each grain says which block and which grain it is. */
function blockNamed(name: string): SharedArrayBuffer {
  const block = new SharedArrayBuffer(blockBytes)
  const bytes = Buffer.from(block)
  for (let at = 0; at < blockBytes; at += grainBytes) bytes.fill(`${name}, grain ${at / grainBytes}. `, at, at + grainBytes)
  return block
}

t.test('compresses more blocks than it has threads, each with its own grains and sums', async t => {
  const names = ['first', 'second', 'third', 'fourth', 'fifth']
  const done = await Promise.all(names.map((name, at) => sharedPool.deflate({ kind: 'stream', block: blockNamed(name), grains: [at, 15] })))
  for (const [at, found] of done.entries()) {
    const bytes = Buffer.from(blockNamed(names[at] ?? ''))
    t.strictSame(found.map(({ index }) => index), [at, 15])
    for (const { index, body, ...sums } of found) {
      const grain = bytes.subarray(index * grainBytes, (index + 1) * grainBytes)
      t.ok(inflateRawSync(Buffer.concat([body, Buffer.from([0x03, 0x00])])).equals(grain), `${names[at]} ${index}`)
      t.strictSame(sums, { adler32: adler32(grain), crc32: crc32(grain) })
    }
  }
})

t.test('a cluster of qcow2 is a whole stream', async t => {
  const [found] = await sharedPool.deflate({ kind: 'qcow2', block: blockNamed('x'), grains: [2] })
  t.equal(inflateRawSync(found?.body ?? Buffer.alloc(0), { windowBits: 12 }).toString('latin1', 0, 11), 'x, grain 2.')
})

t.test('when a thread dies, nothing that waits for it waits on, and nothing begins any more', async t => {
  const pool = createDeflatePool(1)
  t.teardown(() => pool.close())
  const block = blockNamed('x')
  // Beyond the block: the thread cannot make sense of it.
  const dying = pool.deflate({ kind: 'stream', block, grains: [99] })
  const behind = [0, 1, 2].map(grain => pool.deflate({ kind: 'stream', block, grains: [grain] }))
  for (const job of [dying, ...behind]) await t.rejects(job, { name: 'RangeError' })
  await t.rejects(pool.deflate({ kind: 'stream', block, grains: [0] }), { name: 'RangeError' })
})

t.test('a closed pool refuses what was asked before and after', async t => {
  const pool = createDeflatePool(1)
  const waiting = pool.deflate({ kind: 'stream', block: blockNamed('x'), grains: [0] })
  const closed = { message: 'the deflate pool is closed' }
  await Promise.all([t.rejects(waiting, closed), pool.close()])
  await t.rejects(pool.deflate({ kind: 'stream', block: blockNamed('x'), grains: [0] }), closed)
  const unused = createDeflatePool()
  await unused.close()
})
