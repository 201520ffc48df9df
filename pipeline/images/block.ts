/** A block of the pass: its bytes in shared memory, the grains that hold data, and their compressed form made once. */
import type { DeflatePool } from './deflate-pool.js'
import { blockBytes, grainBytes, grainsPerBlock } from './types.js'
import type { Block, DeflateKind, DeflatedGrain } from './types.js'

export interface BlockContent {
  readonly startBytes: number
  readonly lengthBytes: number
  /** blockBytes long; zeros beyond lengthBytes. */
  readonly memory: SharedArrayBuffer
}

const zeroGrain = Buffer.alloc(grainBytes)

/** Undefined when all of it is zeros. */
export function blockOf({ startBytes, lengthBytes, memory }: BlockContent, pool: DeflatePool): Block | undefined {
  const bytes = Buffer.from(memory)
  const grains = Array.from({ length: grainsPerBlock }, (_, index) => index).filter(
    index => !bytes.subarray(index * grainBytes, (index + 1) * grainBytes).equals(zeroGrain)
  )
  if (grains.length === 0) return undefined
  const made = new Map<DeflateKind, Promise<readonly DeflatedGrain[]>>()
  return {
    startBytes,
    lengthBytes,
    bytes,
    grains,
    deflated(kind) {
      const known = made.get(kind)
      if (known) return known
      const begun = pool.deflate({ kind, block: memory, grains })
      // Begun ahead: when the pass fails first, nobody is there any more to hear of this.
      begun.catch(() => {})
      made.set(kind, begun)
      return begun
    },
  }
}

/** A block of its own memory with a copy of these bytes. Throws TypeError when they do not fit into it. */
export function blockFrom(startBytes: number, content: Uint8Array, { virtualBytes, pool }: { virtualBytes: number; pool: DeflatePool }): Block | undefined {
  if (startBytes % blockBytes !== 0 || content.length > blockBytes) throw new TypeError(`no block: ${content.length} bytes at ${startBytes}`)
  const memory = new SharedArrayBuffer(blockBytes)
  new Uint8Array(memory).set(content)
  return blockOf({ startBytes, lengthBytes: Math.min(blockBytes, virtualBytes - startBytes), memory }, pool)
}
