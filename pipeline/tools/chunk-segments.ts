/**
 * Cuts an artifact into segments whose content can be told without its compression: each compressed cluster of a
 * qcow2 or grain of a streamOptimized VMDK is one, everything else is cut every 64 KiB.
 */
import type { FileHandle } from 'node:fs/promises'
import { inflate, inflateRaw } from 'node:zlib'
import type { InputType, ZlibOptions } from 'node:zlib'
import { compressedClusters, qcow2WindowBits } from './qcow2-clusters.js'
import { streamGrains } from './vmdk-grains.js'

/** How a segment's bytes in the file come from its content. */
export type Encoding = 'stored' | 'qcow2' | 'zlib'

export interface ReadSegment {
  readonly offsetBytes: number
  readonly encoding: Encoding
  /** As in the file. */
  readonly bytes: Buffer
  /** Without compression; the same buffer for `stored`. */
  readonly content: Buffer
}

/** Also the size of clusters and grains, so that what is stored plainly in one file is found in the other. */
export const segmentBytes = 64 * 1024

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
  const compressed = await compressedSpans(file)
  let at = 0
  for (let index = 0; index < compressed.length; index += batchSize) {
    signal?.throwIfAborted()
    const batch = compressed.slice(index, index + batchSize)
    for (const segment of await Promise.all(batch.map(span => inflateSpan(file, span, size)))) {
      // Damaged, or inside of another: it is no segment of its own then.
      if (!segment || segment.offsetBytes < at) continue
      yield* readStored(file, at, segment.offsetBytes)
      yield segment
      at = segment.offsetBytes + segment.bytes.length
    }
  }
  yield* readStored(file, at, size)
}

async function compressedSpans(file: FileHandle): Promise<Span[]> {
  const clusters = await compressedClusters(file)
  if (clusters.length > 0) return clusters.map(cluster => ({ ...cluster, encoding: 'qcow2' as const }))
  const grains = await streamGrains(file)
  return grains.map(({ offsetBytes, lengthBytes }) => ({ offsetBytes, mostBytes: lengthBytes, encoding: 'zlib' as const }))
}

async function inflateSpan(file: FileHandle, span: Span, size: number): Promise<ReadSegment | undefined> {
  const bytes = await readBytes(file, span.offsetBytes, Math.min(span.mostBytes, size - span.offsetBytes))
  const inflated = await inflateBytes(span.encoding, bytes)
  if (!inflated) return undefined
  const { offsetBytes, encoding } = span
  return { offsetBytes, encoding, bytes: bytes.subarray(0, inflated.usedBytes), content: inflated.content }
}

/** Cut at multiples of 64 KiB of the file: clusters that could not be compressed begin there. */
async function* readStored(file: FileHandle, from: number, to: number): AsyncGenerator<ReadSegment> {
  for (let at = from; at < to; ) {
    const end = Math.min(to, (Math.floor(at / segmentBytes) + 1) * segmentBytes)
    const bytes = await readBytes(file, at, end - at)
    yield { offsetBytes: at, encoding: 'stored', bytes, content: bytes }
    at = end
  }
}

export async function readBytes(file: FileHandle, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(0, lengthBytes))
  const { bytesRead } = await file.read(buffer, 0, buffer.length, offsetBytes)
  return buffer.subarray(0, bytesRead)
}

/** The content and how many bytes its stream had; undefined when it is no such stream. */
export function inflateBytes(encoding: Encoding, bytes: Buffer): Promise<{ content: Buffer; usedBytes: number } | undefined> {
  if (encoding === 'stored') return Promise.resolve({ content: bytes, usedBytes: bytes.length })
  const [run, windowBits] = encoding === 'qcow2' ? [inflateRaw, qcow2WindowBits] : [inflate, undefined]
  const options = { info: true, ...(windowBits === undefined ? {} : { windowBits }), maxOutputLength: 4 * 1024 * 1024 }
  return new Promise(resolve => {
    // With `info` the result is the buffer and the engine, which knows where the stream ended; the types do not say so.
    const done = (error: Error | null, result: unknown) => resolve(error ? undefined : withUse(result))
    ;(run as Inflate)(bytes, options, done)
  })
}

type Inflate = (bytes: InputType, options: ZlibOptions, done: (error: Error | null, result: unknown) => void) => void

function withUse(result: unknown): { content: Buffer; usedBytes: number } {
  const { buffer, engine } = result as { buffer: Buffer; engine: { bytesWritten: number } }
  return { content: buffer, usedBytes: engine.bytesWritten }
}
