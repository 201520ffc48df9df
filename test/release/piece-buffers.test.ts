import t from 'tap'
import { pieceBuffers } from '../../pipeline/release/piece-buffers.js'

t.test('buffers are shared with threads, as long as asked for, and used again', async t => {
  const buffers = pieceBuffers(100)
  const [first, second] = [buffers.take(100), buffers.take(7)]
  t.type(first.buffer, SharedArrayBuffer)
  t.equal(second.length, 7)
  t.not(first.buffer, second.buffer)
  buffers.giveBack(second.subarray(3))
  const third = buffers.take(100)
  t.equal(third.buffer, second.buffer, 'the one that came back, though only a part of it was given')
  t.equal(third.length, 100)
  t.equal(third.byteOffset, 0)
})
