/** The one pass: reads each part of the golden disk that holds data once, and hands it to every writer. */
import type { Extent } from '../tools/data-extents.js'
import { blockFrom, blockOf } from './block.js'
import type { DeflatePool } from './deflate-pool.js'
import type { GoldenSource } from './golden-source.js'
import { blockBytes } from './types.js'
import type { Block, ImageWriter } from './types.js'

/** What bounds memory, whatever the disk's size: so many blocks are read ahead, compressed, or being written. */
export const blocksInFlight = 16

export interface PassRequest {
  readonly source: GoldenSource
  readonly writers: readonly ImageWriter[]
  readonly pool: DeflatePool
  readonly signal: AbortSignal
}

/**
 * Every writer begins, takes all blocks and finishes; each at its own speed, but none more than `blocksInFlight`
 * ahead of the slowest. The first failure ends the pass: all writers are aborted, then it rejects with that error.
 * Errors: those of the writers, `golden-disk-changed` (exit 4), the signal's reason.
 */
export async function runPass(request: PassRequest): Promise<void> {
  const { source, writers, pool } = request
  const { virtualBytes, extents } = source
  const makeBlock = (startBytes: number, bytes: Uint8Array) => blockFrom(startBytes, bytes, { virtualBytes, pool })
  try {
    await all(writers.map(writer => writer.begin({ virtualBytes, extents, makeBlock })))
    await feed(request)
    await source.requireUnchanged()
    await all(writers.map(writer => writer.finish()))
  } catch (error) {
    await Promise.all(writers.map(writer => writer.abort()))
    throw error
  }
}

/** Waits for every one, so that nobody is still at work when the first failure is told. */
async function all(works: readonly Promise<void>[]): Promise<void> {
  const failed = (await Promise.allSettled(works)).find(result => result.status === 'rejected')
  if (failed) throw failed.reason
}

async function feed({ source, writers, pool, signal }: PassRequest): Promise<void> {
  const kinds = [...new Set(writers.flatMap(writer => writer.deflates))]
  const failure = new AbortController()
  const lines = writers.map(() => Promise.resolve())
  const buffers = createBuffers()
  const stopped = AbortSignal.any([signal, failure.signal])
  for (const startBytes of blockStarts(source.extents)) {
    const memory = await buffers.take()
    if (stopped.aborted) break
    const block = await readBlock(source, { startBytes, memory, pool }).catch((error: unknown) => failure.abort(error))
    if (!block) {
      buffers.give(memory)
      continue
    }
    for (const kind of kinds) void block.deflated(kind)
    writers.forEach((writer, at) => {
      const take = () => (stopped.aborted ? undefined : writer.take(block))
      lines[at] = (lines[at] ?? Promise.resolve()).then(take).catch((error: unknown) => failure.abort(error))
    })
    void Promise.all(lines).then(() => buffers.give(memory))
  }
  await Promise.all(lines)
  stopped.throwIfAborted()
}

/** Starts of the blocks that some extent touches, each once. */
export function* blockStarts(extents: readonly Extent[]): Generator<number> {
  let next = 0
  for (const { startBytes, lengthBytes } of extents) {
    const first = Math.floor(startBytes / blockBytes) * blockBytes
    for (next = Math.max(next, first); next < startBytes + lengthBytes; next += blockBytes) yield next
  }
}

interface Place {
  readonly startBytes: number
  readonly memory: SharedArrayBuffer
  readonly pool: DeflatePool
}

/** Reads only what the extents cover of it; the rest is zeros. */
async function readBlock(source: GoldenSource, { startBytes, memory, pool }: Place): Promise<Block | undefined> {
  const bytes = Buffer.from(memory).fill(0)
  for (const extent of overlapping(source.extents, startBytes)) {
    const from = Math.max(extent.startBytes, startBytes)
    const to = Math.min(extent.startBytes + extent.lengthBytes, startBytes + blockBytes)
    await source.read(bytes.subarray(from - startBytes, to - startBytes), from)
  }
  const lengthBytes = Math.min(blockBytes, source.virtualBytes - startBytes)
  return blockOf({ startBytes, lengthBytes, memory }, pool)
}

/** Those of the ascending extents that touch the block; found by halving, for there may be many thousands. */
function* overlapping(extents: readonly Extent[], startBytes: number): Generator<Extent> {
  let [low, high] = [0, extents.length]
  while (low < high) {
    const middle = Math.floor((low + high) / 2)
    const { startBytes: start, lengthBytes } = extents[middle] ?? { startBytes: 0, lengthBytes: 0 }
    if (start + lengthBytes <= startBytes) low = middle + 1
    else high = middle
  }
  for (const extent of extents.slice(low)) {
    if (extent.startBytes >= startBytes + blockBytes) return
    yield extent
  }
}

/** The blocks' memory, used over and over; `take` waits until one is free. */
function createBuffers() {
  const free: SharedArrayBuffer[] = []
  const waiting: ((memory: SharedArrayBuffer) => void)[] = []
  let made = 0
  return {
    async take(): Promise<SharedArrayBuffer> {
      const known = free.pop()
      if (known) return known
      if (made < blocksInFlight) {
        made += 1
        return new SharedArrayBuffer(blockBytes)
      }
      return await new Promise(resolve => waiting.push(resolve))
    },
    give(memory: SharedArrayBuffer): void {
      const next = waiting.shift()
      if (next) next(memory)
      else free.push(memory)
    },
  }
}
