/** Finds a block of 4 KiB by its digest among those of older copies: an open-addressing table in two flat arrays. */
import type { ChunkIndex } from '../tools/chunk-index.js'

export interface BlockPlace {
  /** Place of the copy in the list given. */
  readonly copy: number
  /** Place of the block in that copy's list. */
  readonly block: number
}

export interface BlockTable {
  readonly find: (digest: bigint) => BlockPlace | undefined
}

const empty = -1
/** Half of the places stay free. */
const spread = 2

export function blockTable(copies: readonly ChunkIndex[]): BlockTable {
  const starts = copies.map((_, index) => copies.slice(0, index).reduce((sum, copy) => sum + copy.blocks.length, 0))
  const count = copies.reduce((sum, copy) => sum + copy.blocks.length, 0)
  const size = 2 ** Math.ceil(Math.log2(Math.max(2, count * spread)))
  const places = new Int32Array(size).fill(empty)
  const digestAt = (place: number): bigint => {
    const copy = copyOf(place)
    return copies[copy]?.blocks[place - (starts[copy] ?? 0)] ?? 0n
  }
  const copyOf = (place: number) => starts.findLastIndex(start => start <= place)
  const slotOf = (digest: bigint): number => {
    let slot = Number(digest & BigInt(size - 1))
    for (let held = places[slot]; held !== undefined && held !== empty && digestAt(held) !== digest; held = places[slot]) slot = (slot + 1) % size
    return slot
  }
  for (let place = 0; place < count; place += 1) {
    const slot = slotOf(digestAt(place))
    if (places[slot] === empty) places[slot] = place
  }
  return {
    find: digest => {
      const place = places[slotOf(digest)] ?? empty
      if (place === empty) return undefined
      const copy = copyOf(place)
      return { copy, block: place - (starts[copy] ?? 0) }
    },
  }
}
