/**
 * The chunk index of an artifact: what lies where in it, told by its uncompressed content. With it a download takes
 * from an older copy what that holds already. Published beside the artifact as `<artifact>.chunks`.
 *
 * The file: one line of JSON (ChunkIndexHeader), then 25 bytes for each segment (bytes in the file, bytes of content:
 * u32 little-endian; encoding: u8; first 16 bytes of the SHA-256 of the bytes in the file), then for each block of
 * 4 KiB of content the first 8 bytes of its SHA-256. Segments are in the order of the file and leave no gap; the last
 * block of a segment may be shorter. These digests only find things; whether the file is right is told by the
 * SHA-256 in the release's index.
 */
import { createHash } from 'node:crypto'
import { mkdir, open, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from './atomic-file.js'
import { readSegments } from './chunk-segments.js'
import type { Encoding } from './segment-bytes.js'

/** Blocks of file systems: what moved on the disk is found again at this grain. */
export const blockBytes = 4096

export interface Segment {
  readonly offsetBytes: number
  readonly lengthBytes: number
  readonly contentBytes: number
  readonly encoding: Encoding
  /** Of the bytes in the file, hex. */
  readonly digest: string
  /** Place of its first block in the list of all. */
  readonly firstBlock: number
}

export interface ChunkIndex {
  readonly sizeBytes: number
  readonly segments: readonly Segment[]
  /** Digests of all blocks. */
  readonly blocks: BigUint64Array
}

export const chunkSuffix = '.chunks'

/** Another number where the same file is cut in another way: indexes that are kept, and versions, go by it. */
export const chunkCutter = 2

/** What is smaller is downloaded whole. */
export const leastIndexedBytes = 1024 * 1024

const encodings: readonly Encoding[] = ['stored', 'qcow2', 'zlib', 'deflate']
const recordBytes = 25
const digestBytes = 16

interface ChunkIndexHeader {
  readonly formatVersion: 1
  readonly sizeBytes: number
  readonly blockBytes: number
  readonly segments: number
  readonly blocks: number
}

/** Reads the whole file. Errors: the file system's own, the signal's reason. */
export async function buildChunkIndex(file: FileHandle, signal?: AbortSignal): Promise<ChunkIndex> {
  const segments: Segment[] = []
  let blocks = new BigUint64Array(firstBlocks)
  let count = 0
  for await (const { offsetBytes, encoding, bytes, content } of readSegments(file, signal)) {
    const digest = createHash('sha256').update(bytes).digest('hex').slice(0, 2 * digestBytes)
    segments.push({ offsetBytes, lengthBytes: bytes.length, contentBytes: content.length, encoding, digest, firstBlock: count })
    const needed = count + Math.ceil(content.length / blockBytes)
    if (needed > blocks.length) blocks = grown(blocks, 2 * needed)
    for (let at = 0; at < content.length; at += blockBytes) blocks[count++] = blockDigest(content.subarray(at, at + blockBytes))
  }
  return { sizeBytes: (await file.stat()).size, segments, blocks: blocks.slice(0, count) }
}

const firstBlocks = 65536

/** A list of numbers would take three times the memory. */
function grown(blocks: BigUint64Array, length: number): BigUint64Array<ArrayBuffer> {
  const larger = new BigUint64Array(length)
  larger.set(blocks)
  return larger
}

export function blockDigest(block: Uint8Array): bigint {
  return createHash('sha256').update(block).digest().readBigUInt64LE(0)
}

export interface ChunkIndexRequest {
  readonly path: string
  /** Of the artifact; the index is made once for it. */
  readonly sha256: string
  /** Folder in which indexes are kept. */
  readonly cache: string
  readonly signal?: AbortSignal
}

/** Compressed as a whole: one changed byte changes all that follows. */
const opaque = /\.(?:gz|xz|zst|bz2|tgz)$/

/** Whether its content can be told. @param path the name counts */
export function isOpen(path: string): boolean {
  return !opaque.test(path)
}

function nameInCache(sha256: string): string {
  return `${sha256}.${chunkCutter}${chunkSuffix}`
}

/** Whether a file of the cache is an index, but of none of these artifacts, or of another cutter. @param wanted their SHA-256 */
export function isStaleIndex(name: string, wanted: ReadonlySet<string>): boolean {
  const [, sha256] = /^([0-9a-f]{64})\.\d+\.chunks$/.exec(name) ?? []
  return sha256 !== undefined && !(wanted.has(sha256) && name === nameInCache(sha256))
}

/** Path of the artifact's index, made if it is not there yet; undefined where it would be of no use. Errors: the file system's own. */
export async function chunkIndexFile({ path, sha256, cache, signal }: ChunkIndexRequest): Promise<string | undefined> {
  if (!isOpen(path) || (await stat(path)).size < leastIndexedBytes) return undefined
  const made = join(cache, nameInCache(sha256))
  if (await stat(made).catch(() => undefined)) return made
  const file = await open(path)
  try {
    const index = await buildChunkIndex(file, signal)
    await mkdir(cache, { recursive: true })
    await writeFileAtomic(made, formatChunkIndex(index))
  } finally {
    await file.close()
  }
  return made
}

export function formatChunkIndex({ sizeBytes, segments, blocks }: ChunkIndex): Buffer {
  const header: ChunkIndexHeader = { formatVersion: 1, sizeBytes, blockBytes, segments: segments.length, blocks: blocks.length }
  const records = Buffer.alloc(segments.length * recordBytes)
  segments.forEach((segment, index) => {
    const at = index * recordBytes
    records.writeUInt32LE(segment.lengthBytes, at)
    records.writeUInt32LE(segment.contentBytes, at + 4)
    records.writeUInt8(encodings.indexOf(segment.encoding), at + 8)
    records.write(segment.digest, at + 9, 'hex')
  })
  const digests = Buffer.alloc(blocks.length * 8)
  blocks.forEach((digest, index) => void digests.writeBigUInt64LE(digest, index * 8))
  return Buffer.concat([Buffer.from(`${JSON.stringify(header)}\n`), records, digests])
}

/** Undefined when the bytes are no chunk index of this format, or one that contradicts itself. */
export function parseChunkIndex(bytes: Buffer): ChunkIndex | undefined {
  const header = parseHeader(bytes)
  if (!header) return undefined
  const start = bytes.indexOf('\n') + 1
  const blocksStart = start + header.segments * recordBytes
  if (bytes.length !== blocksStart + header.blocks * 8) return undefined
  const segments: Segment[] = []
  let [offsetBytes, firstBlock] = [0, 0]
  for (let at = start; at < blocksStart; at += recordBytes) {
    const encoding = encodings[bytes.readUInt8(at + 8)]
    if (!encoding) return undefined
    const [lengthBytes, contentBytes] = [bytes.readUInt32LE(at), bytes.readUInt32LE(at + 4)]
    const digest = bytes.toString('hex', at + 9, at + 9 + digestBytes)
    segments.push({ offsetBytes, lengthBytes, contentBytes, encoding, digest, firstBlock })
    offsetBytes += lengthBytes
    firstBlock += Math.ceil(contentBytes / blockBytes)
  }
  if (offsetBytes !== header.sizeBytes || firstBlock !== header.blocks) return undefined
  const blocks = BigUint64Array.from({ length: header.blocks }, (_, index) => bytes.readBigUInt64LE(blocksStart + index * 8))
  return { sizeBytes: header.sizeBytes, segments, blocks }
}

const longestHeaderBytes = 1024

function parseHeader(bytes: Buffer): ChunkIndexHeader | undefined {
  const end = bytes.subarray(0, longestHeaderBytes).indexOf('\n')
  try {
    const header = JSON.parse(bytes.toString('utf8', 0, Math.max(0, end))) as ChunkIndexHeader
    const numbers = [header.sizeBytes, header.segments, header.blocks]
    const isSound = numbers.every(value => Number.isSafeInteger(value) && value >= 0)
    return header.formatVersion === 1 && header.blockBytes === blockBytes && isSound ? header : undefined
  } catch {
    return undefined
  }
}
