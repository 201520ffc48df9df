/**
 * Writes a zip file with an image of a fronted format in it, compressed by the same deflate as all else. The image's
 * front is known at the end only: those parts of it that may hold anything are stored uncompressed, and filled in then.
 */
import { fileSink } from './byte-sink.js'
import { crc32, crc32Join } from './crc32.js'
import { deflateGrain } from './deflate.js'
import type { FrontedFormat } from './fronted.js'
import { blockBytes, grainBytes, grainsPerBlock } from './types.js'
import type { Block, ImageWriter, PassDisk } from './types.js'
import { centralDirectory, localHeader } from './zip-format.js'
import type { ZipEntry } from './zip-format.js'

export interface ZipFrontedOptions {
  readonly path: string
  readonly sourceDateEpoch: number
  /** Small files before the disk. */
  readonly files: readonly { readonly name: string; readonly content: string }[]
  /** The disk's path in the archive. */
  readonly diskName: string
  readonly format: FrontedFormat
}

const chunkBytes = 32 * 1024
const zeroGrain = Buffer.alloc(grainBytes)
const finalBlock = Buffer.from([0x03, 0x00])

/** Errors: those of the file system. */
export function zipFronted(options: ZipFrontedOptions): ImageWriter {
  const { path, sourceDateEpoch, diskName, format } = options
  const file = fileSink(path)
  const entries: ZipEntry[] = []
  const blocks: number[] = []
  const stored = new Map<number, number>()
  const zeros = { body: deflateGrain('stream', zeroGrain), crc32: crc32(zeroGrain) }
  let virtualBytes = 0
  let dataCrc = 0
  // 64-bit sizes always: how large the entry becomes is known at the end, its header's length at once.
  let entry: ZipEntry = { name: diskName, method: 'deflated', crc32: 0, packedBytes: 0, bytes: 0, startBytes: 0, isLarge: true }

  const writeFront = async (front: Buffer) => {
    for (let at = 0; at < front.length; at += chunkBytes) {
      const chunk = front.subarray(at, at + chunkBytes)
      if (isZero(chunk)) await file.write([deflateGrain('stream', chunk)])
      else {
        stored.set(at, file.length + storedHeaderBytes)
        await file.write([storedHeader(chunk.length), chunk])
      }
    }
  }
  const patchFront = async (front: Buffer) => {
    for (const [at, start] of stored) await file.patch(front.subarray(at, at + chunkBytes), start)
  }
  return {
    deflates: ['stream'],
    begin: async disk => {
      virtualBytes = disk.virtualBytes
      await file.open()
      for (const { name, content } of options.files) {
        const bytes = Buffer.from(content)
        const added = { name, method: 'stored', crc32: crc32(bytes), packedBytes: bytes.length, bytes: bytes.length, startBytes: file.length, isLarge: false } as const
        entries.push(added)
        await file.write([localHeader(added, sourceDateEpoch), bytes])
      }
      entry = { ...entry, startBytes: file.length }
      await file.write([localHeader(entry, sourceDateEpoch)])
      await writeFront(padded(format.front(virtualBytes, possibleBlocks(disk)), format.frontBytes(virtualBytes)))
    },
    take: async block => {
      const grains = await everyGrain(block, zeros)
      for (const grain of grains) dataCrc = crc32Join(dataCrc, grain.crc32, grainBytes)
      blocks.push(block.startBytes / blockBytes)
      await file.write(grains.map(grain => grain.body))
    },
    finish: async () => {
      const front = padded(format.front(virtualBytes, blocks), format.frontBytes(virtualBytes))
      await patchFront(front)
      await file.write([finalBlock])
      const packedBytes = file.length - entry.startBytes - localHeader(entry, sourceDateEpoch).length
      const dataBytes = blocks.length * blockBytes
      entry = { ...entry, crc32: crc32Join(crc32(front), dataCrc, dataBytes), packedBytes, bytes: front.length + dataBytes }
      await file.patch(localHeader(entry, sourceDateEpoch), entry.startBytes)
      await file.write([centralDirectory([...entries, entry], file.length, sourceDateEpoch)])
      await file.close()
    },
    abort: () => file.abort(),
  }
}

/** Whole blocks are in the image, those grains of theirs too that are zeros. */
async function everyGrain(block: Block, zeros: { body: Uint8Array; crc32: number }) {
  const made = new Map((await block.deflated('stream')).map(grain => [grain.index, grain]))
  return Array.from({ length: grainsPerBlock }, (_, index) => made.get(index) ?? zeros)
}

/** Every block that holds data by the block map; those among them that are zeros never come. */
function possibleBlocks({ extents }: PassDisk): readonly number[] {
  const blocks = new Set<number>()
  for (const { startBytes, lengthBytes } of extents) {
    for (let block = Math.floor(startBytes / blockBytes); block * blockBytes < startBytes + lengthBytes; block += 1) blocks.add(block)
  }
  return [...blocks].sort((a, b) => a - b)
}

function padded(front: Buffer, length: number): Buffer {
  return Buffer.concat([front, Buffer.alloc(length - front.length)])
}

function isZero(bytes: Uint8Array): boolean {
  return bytes.every(byte => byte === 0)
}

const storedHeaderBytes = 5

/** A deflate block that holds its bytes as they are. */
function storedHeader(bytes: number): Buffer {
  const header = Buffer.alloc(storedHeaderBytes)
  header.writeUInt16LE(bytes, 1)
  header.writeUInt16LE(~bytes & 0xffff, 3)
  return header
}
