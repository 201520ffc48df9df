import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { inOrder } from '../../pipeline/release/ordered-pieces.js'
import type { Piece } from '../../pipeline/release/ordered-pieces.js'

const { signal } = new AbortController()

interface Watch {
  now: number
  most: number
  mostBytes: number
  started: number
}

/** The first is the slowest. */
function piecesOf(sizes: readonly number[], watch: Watch): Piece[] {
  let bytes = 0
  return sizes.map((lengthBytes, index) => ({
    offsetBytes: sizes.slice(0, index).reduce((sum, each) => sum + each, 0), lengthBytes,
    load: async () => {
      watch.started += 1
      watch.most = Math.max(watch.most, (watch.now += 1))
      watch.mostBytes = Math.max(watch.mostBytes, (bytes += lengthBytes))
      await sleep(index === 0 ? 50 : 1)
      watch.now -= 1
      bytes -= lengthBytes
      return Buffer.alloc(lengthBytes, index)
    },
  }))
}

const unwatched = () => ({ now: 0, most: 0, mostBytes: 0, started: 0 })

t.test('hands pieces on in their order, however they arrive, and loads no more at once than asked for', async t => {
  const [watch, taken] = [unwatched(), [] as number[]]
  await inOrder(piecesOf([10, 10, 10, 10, 10], watch), async bytes => void taken.push(bytes[0] ?? -1), { signal, parallel: 3, memoryBytes: 1000 })
  t.same(taken, [0, 1, 2, 3, 4])
  t.equal(watch.most, 3)
})

t.test('keeps to its bound of memory, and loads a piece that is larger by itself', async t => {
  const [watch, taken] = [unwatched(), [] as number[]]
  await inOrder(piecesOf([10, 10, 500, 10], watch), async bytes => void taken.push(bytes.length), { signal, parallel: 9, memoryBytes: 20 })
  t.same(taken, [10, 10, 500, 10])
  t.equal(watch.mostBytes, 500)
})

t.test('the first failure ends it, and nothing more is begun', async t => {
  const watch = unwatched()
  const pieces = piecesOf([10, 10, 10, 10, 10], watch)
  const broken = pieces.map((piece, index) => (index === 1 ? { ...piece, load: () => Promise.reject(new Error('broken')) } : piece))
  await t.rejects(inOrder(broken, async () => {}, { signal, parallel: 2, memoryBytes: 1000 }), { message: 'broken' })
  t.ok(watch.started <= 2)
})

t.test('an abort before its begin loads nothing', async t => {
  const watch = unwatched()
  await t.rejects(inOrder(piecesOf([10], watch), async () => {}, { signal: AbortSignal.abort(new Error('stop')), parallel: 1, memoryBytes: 10 }), { message: 'stop' })
  t.equal(watch.started, 0)
})
