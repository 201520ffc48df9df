/**
 * Cuts an artifact into segments whose content can be told without its compression: each compressed cluster of a
 * qcow2, grain of a streamOptimized VMDK or grain in one of our zips is one, everything else is cut every 64 KiB.
 */
import type { FileHandle } from 'node:fs/promises'
import { compressedClusters } from './qcow2-clusters.js'
import { readBytes } from './read-bytes.js'
import { inflateBytes, segmentBytes } from './segment-bytes.js'
import type { Encoding, ReadSegment } from './segment-bytes.js'
import { tarMembers } from './tar-members.js'
import { streamGrains } from './vmdk-grains.js'
import { deflatedEntries, flushedGrains } from './zip-grains.js'

/** So many are read and inflated at once: about 4 MiB of memory. */
const batchSize = 64

interface Span {
  readonly offsetBytes: number
  readonly mostBytes: number
  readonly encoding: Encoding
}

/** All of the file, in its order, without gaps. Errors: the file system's own, the signal's reason. */
export async function* readSegments(file: FileHandle, signal?: AbortSignal): AsyncGenerator<ReadSegment> {
  const { size } = await file.stat()
  // What lies in a tar is cut by its own beginning: a member that is new moves all behind it by a header.
  const starts = await startsOf(file)
  const stored = storedCutter(file, starts)
  let at = 0
  for await (const segment of compressedSegments(file, starts, signal)) {
    // Inside of another: it is no segment of its own then.
    if (segment.offsetBytes < at) continue
    yield* stored(at, segment.offsetBytes)
    yield segment
    at = segment.offsetBytes + segment.bytes.length
  }
  yield* stored(at, size)
}

/** Where disks may begin: at each member of a tar, else at the file's own beginning. */
async function startsOf(file: FileHandle): Promise<readonly number[]> {
  const { members } = await tarMembers(file)
  return members.length > 0 ? members.map(({ startBytes }) => startBytes) : [0]
}

async function* compressedSegments(file: FileHandle, starts: readonly number[], signal?: AbortSignal): AsyncGenerator<ReadSegment> {
  signal?.throwIfAborted()
  for (const entry of await deflatedEntries(file)) yield* flushedGrains(file, entry, signal)
  const { size } = await file.stat()
  for (const start of starts) {
    const spans = await spansAt(file, start)
    for (let index = 0; index < spans.length; index += batchSize) {
      signal?.throwIfAborted()
      const batch = spans.slice(index, index + batchSize)
      for (const segment of await Promise.all(batch.map(span => inflateSpan(file, span, size)))) if (segment) yield segment
    }
  }
}

async function spansAt(file: FileHandle, startBytes: number): Promise<Span[]> {
  const clusters = await compressedClusters(file, startBytes)
  if (clusters.length > 0) return clusters.map(cluster => ({ ...cluster, encoding: 'qcow2' as const }))
  const grains = await streamGrains(file, startBytes)
  return grains.map(({ offsetBytes, lengthBytes }) => ({ offsetBytes, mostBytes: lengthBytes, encoding: 'zlib' as const }))
}

/** Undefined when it is damaged. */
async function inflateSpan(file: FileHandle, span: Span, size: number): Promise<ReadSegment | undefined> {
  const bytes = await readBytes(file, span.offsetBytes, Math.min(span.mostBytes, size - span.offsetBytes))
  const inflated = await inflateBytes(span.encoding, bytes)
  if (!inflated) return undefined
  const { offsetBytes, encoding } = span
  return { offsetBytes, encoding, bytes: bytes.subarray(0, inflated.usedBytes), content: inflated.content }
}

/** Cuts what is not compressed at multiples of 64 KiB behind the last start: clusters that could not be compressed begin there. */
function storedCutter(file: FileHandle, starts: readonly number[]) {
  let next = 0
  let start = 0
  return async function* (from: number, to: number): AsyncGenerator<ReadSegment> {
    for (let at = from; at < to; ) {
      while ((starts[next] ?? Infinity) <= at) start = starts[next++] ?? 0
      const end = Math.min(to, starts[next] ?? Infinity, start + (Math.floor((at - start) / segmentBytes) + 1) * segmentBytes)
      const bytes = await readBytes(file, at, end - at)
      yield { offsetBytes: at, encoding: 'stored', bytes, content: bytes }
      at = end
    }
  }
}
