/** An older download on this machine, as a source of segments and of blocks of content. Everything it gives is checked. */
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { blockBytes, blockDigest, buildChunkIndex } from '../tools/chunk-index.js'
import type { ChunkIndex, Segment } from '../tools/chunk-index.js'
import { readBytes } from '../tools/read-bytes.js'
import { inflateBytes } from '../tools/segment-bytes.js'

export interface OlderCopy {
  readonly path: string
  readonly index: ChunkIndex
  /** A segment as it lies in the file; undefined when the file was changed since. */
  readonly segment: (segment: Segment) => Promise<Buffer | undefined>
  /** One block of content by its place in the index; undefined when the file was changed since. */
  readonly block: (block: number) => Promise<Buffer | undefined>
  readonly close: () => Promise<void>
}

/** Contents kept at hand: neighbours in one file are neighbours in the other, too. 4 MiB. */
const keptSegments = 64

/** Reads the whole file once. Errors: the file system's own, the signal's reason. */
export async function openOlderCopy(path: string, signal?: AbortSignal): Promise<OlderCopy> {
  const file = await open(path)
  try {
    const index = await buildChunkIndex(file, signal)
    const contents = new Map<Segment, Promise<Buffer>>()
    return {
      path,
      index,
      segment: segment => readSegment(file, segment),
      block: block => readBlock(file, index, contents, block),
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

async function readSegment(file: FileHandle, { offsetBytes, lengthBytes, digest }: Segment): Promise<Buffer | undefined> {
  const bytes = await readBytes(file, offsetBytes, lengthBytes)
  return segmentDigest(bytes) === digest ? bytes : undefined
}

export function segmentDigest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32)
}

async function readBlock(file: FileHandle, index: ChunkIndex, contents: Map<Segment, Promise<Buffer>>, block: number): Promise<Buffer | undefined> {
  const segment = segmentOf(index, block)
  if (!segment) return undefined
  const content = await contentOf(file, contents, segment)
  const at = (block - segment.firstBlock) * blockBytes
  const bytes = content.subarray(at, at + blockBytes)
  return blockDigest(bytes) === index.blocks[block] ? bytes : undefined
}

/** The last one that begins at or before the block. */
function segmentOf({ segments }: ChunkIndex, block: number): Segment | undefined {
  let [low, high] = [0, segments.length - 1]
  while (low < high) {
    const middle = Math.ceil((low + high) / 2)
    if ((segments[middle]?.firstBlock ?? Infinity) <= block) low = middle
    else high = middle - 1
  }
  return segments[low]
}

function contentOf(file: FileHandle, contents: Map<Segment, Promise<Buffer>>, segment: Segment): Promise<Buffer> {
  const kept = contents.get(segment)
  if (kept) return kept
  const content = readBytes(file, segment.offsetBytes, segment.lengthBytes)
    .then(bytes => inflateBytes(segment.encoding, bytes))
    .then(inflated => inflated?.content ?? Buffer.alloc(0))
  contents.set(segment, content)
  for (const oldest of contents.keys()) {
    if (contents.size <= keptSegments) break
    contents.delete(oldest)
  }
  return content
}
