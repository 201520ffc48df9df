/** Bytes of a segment of an artifact, and its content without compression. */
import { constants, inflate, inflateRaw } from 'node:zlib'
import type { InputType, ZlibOptions } from 'node:zlib'
import { qcow2WindowBits } from './qcow2-clusters.js'

/** How a segment's bytes in the file come from its content; `deflate`: a raw stream that ends in a flush. */
export type Encoding = 'stored' | 'qcow2' | 'zlib' | 'deflate'

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

interface Inflated {
  readonly content: Buffer
  /** How many bytes its stream had. */
  readonly usedBytes: number
}

/** Undefined when it is no such stream. */
export async function inflateBytes(encoding: Encoding, bytes: Buffer): Promise<Inflated | undefined> {
  const most = { maxOutputLength: 4 * 1024 * 1024 }
  if (encoding === 'stored') return { content: bytes, usedBytes: bytes.length }
  if (encoding === 'zlib') return await inflated(inflate, bytes, most)
  if (encoding === 'qcow2') return await inflated(inflateRaw, bytes, { ...most, windowBits: qcow2WindowBits })
  const content = await inflateFlushed(bytes)
  return content && { content, usedBytes: bytes.length }
}

/** The content of one whole grain, all of whose bytes these are; a part of one, or more than one, is undefined. */
export async function inflateFlushed(bytes: Buffer): Promise<Buffer | undefined> {
  const found = await inflated(inflateRaw, bytes, { finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: segmentBytes + 1 })
  return found?.content.length === segmentBytes && found.usedBytes === bytes.length ? found.content : undefined
}

type Inflate = (bytes: InputType, options: ZlibOptions, done: (error: Error | null, result: unknown) => void) => void

function inflated(run: unknown, bytes: Buffer, options: ZlibOptions): Promise<Inflated | undefined> {
  return new Promise(resolve => {
    // With `info` the result is the buffer and the engine, which knows where the stream ended; the types do not say so.
    const done = (error: Error | null, result: unknown) => resolve(error ? undefined : withUse(result))
    ;(run as Inflate)(bytes, { ...options, info: true }, done)
  })
}

function withUse(result: unknown): Inflated {
  const { buffer, engine } = result as { buffer: Buffer; engine: { bytesWritten: number } }
  return { content: buffer, usedBytes: engine.bytesWritten }
}
