/** Changes to a few places of the disk on its way to one writer, while all others get the disk as it is. */
import { blockBytes } from './types.js'
import type { Block, ImageWriter, PassDisk } from './types.js'

export interface Patch {
  readonly startBytes: number
  /** Stays inside one block of the pass. */
  readonly bytes: Uint8Array
}

/** Blocks without a patch pass on as they are, compressed once for everybody. */
export function patched(writer: ImageWriter, patches: readonly Patch[]): ImageWriter {
  const byBlock = new Map<number, Patch[]>()
  for (const patch of patches) {
    const block = Math.floor(patch.startBytes / blockBytes) * blockBytes
    byBlock.set(block, [...(byBlock.get(block) ?? []), patch])
  }
  const waiting = [...byBlock.keys()].sort((a, b) => a - b)
  let disk: PassDisk | undefined
  const apply = async (startBytes: number, before?: Block) => {
    const bytes = new Uint8Array(blockBytes)
    if (before) bytes.set(before.bytes)
    for (const patch of byBlock.get(startBytes) ?? []) bytes.set(patch.bytes, patch.startBytes - startBytes)
    const block = disk?.makeBlock(startBytes, bytes)
    if (block) await writer.take(block)
  }
  // Blocks that lie in holes of the disk never come; they are made in their turn.
  const passHoles = async (untilBytes: number) => {
    while ((waiting[0] ?? Infinity) < untilBytes) await apply(waiting.shift() ?? 0)
  }
  return {
    deflates: writer.deflates,
    begin: async pass => {
      disk = pass
      await writer.begin(pass)
    },
    take: async block => {
      await passHoles(block.startBytes)
      if (waiting[0] !== block.startBytes) return writer.take(block)
      waiting.shift()
      await apply(block.startBytes, block)
    },
    finish: async () => {
      await passHoles(Infinity)
      await writer.finish()
    },
    abort: () => writer.abort(),
  }
}
