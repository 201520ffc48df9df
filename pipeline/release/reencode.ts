/** Compresses content again into the very bytes that a release holds. Deflate is not unique: each way is tried, and held against the digest. */
import { deflate, deflateRaw } from 'node:zlib'
import type { InputType, ZlibOptions } from 'node:zlib'
import { adler32, deflateOptions } from '../images/deflate.js'
import { qcow2WindowBits } from '../tools/qcow2-clusters.js'
import type { Encoding } from '../tools/segment-bytes.js'
import { segmentDigest } from './older-copy.js'

export interface Reencoder {
  /** The bytes whose digest this is; undefined when no way leads to them. */
  readonly encode: (content: Buffer, digest: string) => Promise<Buffer | undefined>
}

type Encode = (content: Buffer) => Promise<Buffer>

/** After so many without a hit nothing more is tried: the release was written by another program. */
const patience = 24

export function createReencoder(encoding: Encoding): Reencoder {
  // The way that hit last is tried first.
  const ways = [...waysOf(encoding)]
  let [hits, misses] = [0, 0]
  return {
    encode: async (content, digest) => {
      if (hits === 0 && misses >= patience) return undefined
      for (const way of [...ways]) {
        const bytes = await way(content)
        if (segmentDigest(bytes) !== digest) continue
        hits += 1
        ways.splice(ways.indexOf(way), 1)
        ways.unshift(way)
        return bytes
      }
      // The fronts of images are of zeros, in pieces that nobody makes again: they tell nothing of who wrote the rest.
      if (content.some(byte => byte !== 0)) misses += 1
      return undefined
    },
  }
}

function waysOf(encoding: Encoding): readonly Encode[] {
  const levels = [6, 1, 9]
  if (encoding === 'stored') return [content => Promise.resolve(content)]
  if (encoding === 'deflate') return [flushed]
  if (encoding === 'zlib') return [flushedZlib, ...levels.map(level => plain(deflate, { level }))]
  return levels.flatMap(level => [9, 8].map(memLevel => plain(deflateRaw, { level, memLevel, windowBits: qcow2WindowBits })))
}

type Compress = (content: InputType, options: ZlibOptions, done: (error: Error | null, result: Buffer) => void) => void

function plain(compress: Compress, options: ZlibOptions): Encode {
  return content => new Promise((resolve, reject) => compress(content, options, (error, bytes) => (error ? reject(error) : resolve(bytes))))
}

/** As our own writers do. */
const flushed = plain(deflateRaw, deflateOptions.stream)
const zlibHeader = Buffer.from([0x78, 0x9c])
const finalBlock = Buffer.from([0x03, 0x00])

/** One deflate shared by several formats ends in a flush; as a zlib stream it gets an empty last block. */
const flushedZlib: Encode = async content => {
  const sum = Buffer.alloc(4)
  sum.writeUInt32BE(adler32(content))
  return Buffer.concat([zlibHeader, await flushed(content), finalBlock, sum])
}
