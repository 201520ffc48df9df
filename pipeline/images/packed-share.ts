/** How well a golden disk compresses, from a sample of its blocks: asked before room is promised to an export. */
import { deflateGrain } from './deflate.js'
import type { GoldenSource } from './golden-source.js'
import { blockStarts } from './pass.js'
import { blockBytes, grainBytes } from './types.js'

/** About so many (less than twice), and one grain of each. */
const sampledBlocks = 64
/** Of what does not compress: sector padding and checksums of a VMDK's grain, and what a sample misses. */
const margin = 1.05

/** Bytes that all blocks with data have, as image formats of whole blocks store them. */
export function touchedBytes({ extents }: Pick<GoldenSource, 'extents'>): number {
  return [...blockStarts(extents)].length * blockBytes
}

/** Compressed bytes for each byte of the disk's blocks with data; 0 for a disk of holes. Errors: those of `read`. */
export async function measurePackedShare(source: Pick<GoldenSource, 'extents' | 'read' | 'virtualBytes'>): Promise<number> {
  const starts = [...blockStarts(source.extents)]
  const step = Math.max(1, Math.floor(starts.length / sampledBlocks))
  const sample = starts.filter((_, at) => at % step === 0)
  let [plain, packed] = [0, 0]
  for (const [at, start] of sample.entries()) {
    // Another grain of each block: files begin at the same places in many of them.
    const within = start + (at * grainBytes) % blockBytes
    const bytes = Buffer.alloc(Math.max(0, Math.min(grainBytes, source.virtualBytes - within)))
    if (bytes.length === 0) continue
    await source.read(bytes, within)
    plain += bytes.length
    packed += Math.min(bytes.length, deflateGrain('qcow2', bytes).length)
  }
  return plain === 0 ? 0 : (packed / plain) * margin
}
