/**
 * Writes a zip file with a monolithicSparse VMDK in it, compressed in the same pass and by the same deflate as all
 * else. The VMDK's tables lie in front of its grains but are known after them: that part is stored uncompressed, and
 * filled in at the end.
 */
import { crc32, crc32Join } from './crc32.js'
import { deflateGrain } from './deflate.js'
import { fileSink } from './byte-sink.js'
import { createPlacer, sparseFront, tablePlaces } from './sparse-vmdk.js'
import type { SparseNames } from './sparse-vmdk.js'
import { blockBytes, grainBytes } from './types.js'
import type { ImageWriter, PassDisk } from './types.js'
import { entriesPerTable, sectorBytes, sparseLayout, tableBytes } from './vmdk-format.js'
import type { GrainTable, SparseLayout } from './vmdk-format.js'
import { centralDirectory, localHeader } from './zip-format.js'
import type { ZipEntry } from './zip-format.js'

export interface ZipVmdkOptions {
  readonly path: string
  readonly sourceDateEpoch: number
  /** Small files before the disk. */
  readonly files: readonly { readonly name: string; readonly content: string }[]
  /** The disk's path in the archive. */
  readonly diskName: string
  readonly disk: SparseNames
}

/** Part of the VMDK's front that is either stored, to be filled in, or known to stay zeros. */
const chunkBytes = 32 * 1024
const storedHeaderBytes = 5
const zeroChunk = Buffer.alloc(chunkBytes)
/** An empty final block ends the entry's deflate stream. */
const finalBlock = Buffer.from([0x03, 0x00])
const limit32 = 0xffff_ffff

export function zipVmdk(options: ZipVmdkOptions): ImageWriter {
  const { path, sourceDateEpoch, diskName } = options
  const file = fileSink(path)
  const entries: ZipEntry[] = []
  let layout = sparseLayout(0)
  let placer = createPlacer(layout, diskName)
  let entry: ZipEntry = { name: diskName, method: 'deflated', crc32: 0, packedBytes: 0, bytes: 0, startBytes: 0, isLarge: false }
  /** File position of the content of each chunk that is stored; the others are zeros. */
  const stored = new Map<number, number>()
  const grains = { crc32: 0, bytes: 0 }

  const patchFront = async (bytes: Buffer, at: number) => {
    for (let done = 0; done < bytes.length; ) {
      const chunk = Math.floor((at + done) / chunkBytes)
      const within = (at + done) % chunkBytes
      const part = bytes.subarray(done, done + chunkBytes - within)
      const start = stored.get(chunk)
      if (start === undefined) throw new TypeError(`no place was left for byte ${at + done} of ${diskName}`)
      await file.patch(part, start + within)
      done += part.length
    }
  }
  const writeTable = async (table: GrainTable | undefined) => {
    if (table) for (const at of tablePlaces(layout, table.number)) await patchFront(table.entries, at)
  }
  /** The front is read back: its tables came in any order, and need not be kept in memory. */
  const frontCrc = async () => {
    let sum = 0
    const buffer = Buffer.alloc(chunkBytes)
    for (let chunk = 0; chunk * chunkBytes < layout.overheadSectors * sectorBytes; chunk += 1) {
      const start = stored.get(chunk)
      if (start !== undefined) await file.read(buffer, start)
      sum = crc32Join(sum, crc32(start === undefined ? zeroChunk : buffer), chunkBytes)
    }
    return sum
  }
  return {
    deflates: ['stream'],
    begin: async disk => {
      layout = sparseLayout(disk.virtualBytes)
      placer = createPlacer(layout, diskName)
      await file.open()
      for (const { name, content } of options.files) {
        const added = storedEntry(name, content, file.length)
        entries.push(added)
        await file.write([localHeader(added, sourceDateEpoch), Buffer.from(content)])
      }
      entry = { ...entry, startBytes: file.length, isLarge: mostBytes(layout, disk) > limit32 }
      await file.write([localHeader(entry, sourceDateEpoch)])
      const front = sparseFront(layout, options.disk)
      const live = liveChunks(layout, disk, front)
      const zeros = deflateGrain('stream', zeroChunk)
      for (let chunk = 0; chunk * chunkBytes < layout.overheadSectors * sectorBytes; chunk += 1) {
        if (live.has(chunk)) stored.set(chunk, file.length + storedHeaderBytes)
        await file.write(live.has(chunk) ? [storedHeader(chunkBytes), zeroChunk] : [zeros])
      }
      for (const { bytes, at } of front) await patchFront(bytes, at)
    },
    take: async block => {
      const first = block.startBytes / grainBytes
      const deflated = await block.deflated('stream')
      for (const grain of deflated) {
        await writeTable(placer.place(first + grain.index))
        grains.crc32 = crc32Join(grains.crc32, grain.crc32, grainBytes)
        grains.bytes += grainBytes
      }
      await file.write(deflated.map(grain => grain.body))
    },
    finish: async () => {
      await writeTable(placer.rest())
      await file.write([finalBlock])
      const packedBytes = file.length - entry.startBytes - localHeader(entry, sourceDateEpoch).length
      const bytes = layout.overheadSectors * sectorBytes + grains.bytes
      entry = { ...entry, crc32: crc32Join(await frontCrc(), grains.crc32, grains.bytes), packedBytes, bytes }
      await file.patch(localHeader(entry, sourceDateEpoch), entry.startBytes)
      await file.write([centralDirectory([...entries, entry], file.length, sourceDateEpoch)])
      await file.close()
    },
    abort: () => file.abort(),
  }
}

function storedEntry(name: string, content: string, startBytes: number): ZipEntry {
  const bytes = Buffer.from(content)
  return { name, method: 'stored', crc32: crc32(bytes), packedBytes: bytes.length, bytes: bytes.length, startBytes, isLarge: false }
}

/** A deflate block that holds its bytes as they are. */
function storedHeader(bytes: number): Buffer {
  const header = Buffer.alloc(storedHeaderBytes)
  header.writeUInt16LE(bytes, 1)
  header.writeUInt16LE(~bytes & 0xffff, 3)
  return header
}

/** The most that the VMDK can have; what does not compress becomes a little longer. */
function mostBytes(layout: SparseLayout, { extents }: PassDisk): number {
  const blocks = extents.reduce((sum, { lengthBytes }) => sum + Math.ceil(lengthBytes / blockBytes) + 1, 0)
  return layout.overheadSectors * sectorBytes + blocks * (blockBytes + 1024)
}

/** Chunks that hold something else than zeros, or may come to hold it: header, directories, tables of parts with data. */
function liveChunks(layout: SparseLayout, { extents }: PassDisk, front: readonly { readonly bytes: Buffer; readonly at: number }[]): ReadonlySet<number> {
  const live = new Set<number>()
  const add = (at: number, bytes: number) => {
    for (let chunk = Math.floor(at / chunkBytes); chunk * chunkBytes < at + bytes; chunk += 1) live.add(chunk)
  }
  for (const { bytes, at } of front) add(at, bytes.length)
  const coveredBytes = entriesPerTable * grainBytes
  for (const { startBytes, lengthBytes } of extents) {
    const last = Math.floor((startBytes + lengthBytes - 1) / coveredBytes)
    for (let table = Math.floor(startBytes / coveredBytes); table <= last; table += 1) {
      for (const at of tablePlaces(layout, table)) add(at, tableBytes)
    }
  }
  return live
}
