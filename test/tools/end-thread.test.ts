/** Threads end between two of their jobs: of one that is stopped in the middle Node can abort the whole process. */
import t from 'tap'
import type { Worker } from 'node:worker_threads'
import { createDeflatePool } from '../../pipeline/images/deflate-pool.js'
import { blockBytes } from '../../pipeline/images/types.js'
import { openHash } from '../../pipeline/tools/hash-thread.js'

/** `terminate` makes it 1. */
const endedByItself = 0
const exitCodes: number[] = []
const onWorker = (worker: Worker) => void worker.once('exit', code => exitCodes.push(code))
process.on('worker', onWorker)
t.teardown(() => process.off('worker', onWorker))
t.beforeEach(() => void exitCodes.splice(0))

const grains = [0, 1, 2, 3]

t.test('a pool that is closed while its threads compress lets them end', async t => {
  const pool = createDeflatePool(2)
  const block = new SharedArrayBuffer(blockBytes)
  const jobs = Array.from({ length: 20 }, () => pool.deflate({ kind: 'stream', block, grains }))
  const outcomes = Promise.allSettled(jobs)
  await Promise.race(jobs)
  await Promise.all([pool.close(), pool.close()])
  const refused = (await outcomes).flatMap(outcome => (outcome.status === 'rejected' ? [(outcome.reason as Error).message] : []))
  t.ok(refused.length > 0)
  t.same([...new Set(refused)], ['the deflate pool is closed'])
  t.same(exitCodes, [endedByItself, endedByItself])
})

t.test('a pool whose thread died ends, however often it is closed', async t => {
  const pool = createDeflatePool(1)
  // Beyond the block: the thread cannot make sense of it.
  await t.rejects(pool.deflate({ kind: 'stream', block: new SharedArrayBuffer(blockBytes), grains: [99] }), { name: 'RangeError' })
  await Promise.all([pool.close(), pool.close()])
  await pool.close()
  t.same(exitCodes, [1], 'an error that nobody caught')
})

t.test('a hash that is closed before its digest lets its thread end', async t => {
  const hash = openHash(Infinity)
  const waiting = hash.update(Buffer.alloc(1024 * 1024))
  const refused = t.rejects(waiting, { message: 'the hash thread is closed' })
  await hash.close()
  await refused
  t.same(exitCodes, [endedByItself])
})
