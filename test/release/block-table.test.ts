import t from 'tap'
import { blockTable } from '../../pipeline/release/block-table.js'
import type { ChunkIndex } from '../../pipeline/tools/chunk-index.js'

const copyOf = (...blocks: bigint[]): ChunkIndex => ({ sizeBytes: 0, segments: [], blocks: BigUint64Array.from(blocks) })

t.test('a block is found in the first copy that has it, at its first place', t => {
  const { find } = blockTable([copyOf(7n, 8n, 7n), copyOf(), copyOf(8n, 9n)])
  t.same([find(7n), find(8n), find(9n), find(10n)], [{ copy: 0, block: 0 }, { copy: 0, block: 1 }, { copy: 2, block: 1 }, undefined])
  t.end()
})

t.test('digests that want the same place are told apart', t => {
  const blocks = Array.from({ length: 100 }, (_, index) => BigInt(index) << 32n)
  const { find } = blockTable([copyOf(...blocks)])
  t.same(blocks.map(digest => find(digest)?.block), blocks.map((_, index) => index))
  t.equal(find(100n << 32n), undefined)
  t.end()
})

t.test('without copies nothing is found', t => {
  t.equal(blockTable([]).find(0n), undefined)
  t.end()
})
