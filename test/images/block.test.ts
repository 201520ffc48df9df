/** Blocks of the pass: which grains hold data, and their compressed form made once. A stand-in plays the pool of threads. */
import t from 'tap'
import { blockFrom, blockOf } from '../../pipeline/images/block.js'
import type { DeflatePool } from '../../pipeline/images/deflate-pool.js'
import type { DeflateJob } from '../../pipeline/images/deflate.js'
import { blockBytes, grainBytes } from '../../pipeline/images/types.js'

/** Notes the jobs, and answers with one empty body for each grain. */
function playedPool(failure?: Error): DeflatePool & { readonly jobs: readonly DeflateJob[] } {
  const jobs: DeflateJob[] = []
  return {
    jobs,
    deflate: async job => {
      jobs.push(job)
      if (failure) throw failure
      return job.grains.map(index => ({ index, body: new Uint8Array(0), adler32: 0, crc32: 0 }))
    },
    close: async () => {},
  }
}

function memoryWith(...places: readonly number[]): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(blockBytes)
  for (const place of places) new Uint8Array(memory)[place] = 1
  return memory
}

t.test('lists the grains with data, be it a single byte at either end of one', async t => {
  const memory = memoryWith(0, 2 * grainBytes - 1, 5 * grainBytes, blockBytes - 1)
  const block = blockOf({ startBytes: blockBytes, lengthBytes: 4096, memory }, playedPool())
  t.strictSame(block?.grains, [0, 1, 5, 15])
  t.strictSame([block?.startBytes, block?.lengthBytes, block?.bytes.length], [blockBytes, 4096, blockBytes])
})

t.test('there is no block of nothing but zeros', async t => {
  t.equal(blockOf({ startBytes: 0, lengthBytes: blockBytes, memory: memoryWith() }, playedPool()), undefined)
})

t.test('compresses each kind once, whoever asks', async t => {
  const pool = playedPool()
  const memory = memoryWith(3 * grainBytes)
  const block = blockOf({ startBytes: 0, lengthBytes: blockBytes, memory }, pool)
  const [one, other] = [await block?.deflated('stream'), await block?.deflated('stream')]
  t.equal(one, other)
  await block?.deflated('qcow2')
  t.strictSame(pool.jobs.map(({ kind, grains }) => [kind, grains]), [['stream', [3]], ['qcow2', [3]]])
  t.ok(pool.jobs.every(job => job.block === memory), 'nothing is copied')
})

t.test('a compression that fails is told to who asks, and to nobody when nobody does', async t => {
  const block = blockOf({ startBytes: 0, lengthBytes: blockBytes, memory: memoryWith(0) }, playedPool(new Error('closed')))
  const unheard: unknown[] = []
  const note = (error: unknown) => unheard.push(error)
  process.on('unhandledRejection', note)
  t.teardown(() => process.off('unhandledRejection', note))
  void block?.deflated('stream')
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(unheard, [])
  await t.rejects(block?.deflated('stream') ?? Promise.resolve([]), { message: 'closed' })
})

t.test('blockFrom copies, adds zeros, and ends where the disk does', async t => {
  const content = Buffer.from('data')
  const disk = { virtualBytes: 2 * blockBytes + 512, pool: playedPool() }
  const block = blockFrom(2 * blockBytes, content, disk)
  content.fill('x')
  t.equal(Buffer.from(block?.bytes ?? []).toString('latin1', 0, 6), 'data\0\0')
  t.strictSame([block?.lengthBytes, block?.grains], [512, [0]])
  t.equal(blockFrom(0, content, disk)?.lengthBytes, blockBytes)
  t.equal(blockFrom(0, Buffer.alloc(512), disk), undefined)
})

t.test('blockFrom refuses a place between blocks and more than a block', async t => {
  const disk = { virtualBytes: blockBytes, pool: playedPool() }
  t.throws(() => blockFrom(512, Buffer.from('x'), disk), { name: 'TypeError', message: 'no block: 1 bytes at 512' })
  t.throws(() => blockFrom(0, Buffer.alloc(blockBytes + 1), disk), { name: 'TypeError', message: `no block: ${blockBytes + 1} bytes at 0` })
})
