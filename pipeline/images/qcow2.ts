/**
 * Writes a compressed qcow2 (version 3, zlib): clusters one behind the other as they come, the table of each 512 MiB
 * behind its clusters, reference counts at the end. https://www.qemu.org/docs/master/interop/qcow2.html
 */
import { fileSink, limitedSink } from './byte-sink.js'
import type { FileSink, SizeLimit } from './byte-sink.js'
import { grainBytes } from './types.js'
import type { Block, DeflatedGrain, ImageWriter } from './types.js'

const clusterBytes = grainBytes
const clusterBits = 16
const sectorBytes = 512
const entryBytes = 8
const clustersPerTable = clusterBytes / entryBytes
/** What one table of clusters covers of the disk. */
const tableBytes = clustersPerTable * clusterBytes
/** A descriptor of a compressed cluster: its offset in the low bits, above it how many sectors follow the first. */
const sectorsShift = BigInt(62 - (clusterBits - 8))
const compressedFlag = 1n << 62n
/** Exactly one table refers to it. */
const copiedFlag = 1n << 63n

/** @param limit of its file, for what must go into something that takes no larger one */
export function qcow2(path: string, limit?: SizeLimit): ImageWriter {
  const file = limit ? limitedSink(fileSink(path), limit) : fileSink(path)
  const counts = createCounts()
  let virtualBytes = 0
  let directory = Buffer.alloc(0)
  let table: { readonly number: number; readonly entries: Buffer } | undefined

  const endTable = async () => {
    if (!table) return
    const at = await writeClusters(file, table.entries)
    counts.add(at, table.entries.length)
    directory.writeBigUInt64BE(BigInt(at) | copiedFlag, table.number * entryBytes)
    table = undefined
  }
  const placeStored = async (block: Block, index: number) => {
    const at = await writeClusters(file, block.bytes.subarray(index * clusterBytes, (index + 1) * clusterBytes))
    counts.add(at, clusterBytes)
    return BigInt(at) | copiedFlag
  }
  const placeCompressed = async ({ body }: DeflatedGrain) => {
    const at = file.length
    counts.add(at, body.length)
    await file.write([body])
    const sectors = Math.floor((at + body.length - 1) / sectorBytes) - Math.floor(at / sectorBytes)
    return BigInt(at) | (BigInt(sectors) << sectorsShift) | compressedFlag
  }
  return {
    deflates: ['qcow2'],
    begin: async disk => {
      virtualBytes = Math.ceil(disk.virtualBytes / sectorBytes) * sectorBytes
      directory = Buffer.alloc(wholeClusters(Math.ceil(virtualBytes / tableBytes) * entryBytes))
      await file.open()
      file.skip(clusterBytes + directory.length)
      counts.add(0, file.length)
    },
    take: async block => {
      const first = block.startBytes / clusterBytes
      const number = Math.floor(first / clustersPerTable)
      // A block never reaches into a second table: 8192 clusters are 512 blocks.
      if (table?.number !== number) await endTable()
      table ??= { number, entries: Buffer.alloc(clusterBytes) }
      for (const grain of await block.deflated('qcow2')) {
        const entry = grain.body.length < clusterBytes ? await placeCompressed(grain) : await placeStored(block, grain.index)
        table.entries.writeBigUInt64BE(entry, ((first + grain.index) % clustersPerTable) * entryBytes)
      }
    },
    finish: async () => {
      await endTable()
      const refcounts = await counts.write(file)
      await file.patch(header({ virtualBytes, tables: Math.ceil(virtualBytes / tableBytes), ...refcounts }), 0)
      await file.patch(directory, clusterBytes)
      await file.close()
    },
    abort: () => file.abort(),
  }
}

/** Behind what is there, from the next whole cluster on; where that is. */
async function writeClusters(file: FileSink, bytes: Uint8Array): Promise<number> {
  const at = wholeClusters(file.length)
  await file.write([Buffer.alloc(at - file.length), bytes, Buffer.alloc(wholeClusters(bytes.length) - bytes.length)])
  return at
}

function wholeClusters(bytes: number): number {
  return Math.ceil(bytes / clusterBytes) * clusterBytes
}

interface Refcounts {
  /** Where the table of the blocks of counts lies. */
  readonly refcountsAt: number
  readonly refcountClusters: number
}

/** 16 bits for each cluster of the file: how many tables, compressed clusters and other structures lie in it. */
const countBytes = 2
const countsPerBlock = clusterBytes / countBytes

function createCounts() {
  const blocks: Buffer[] = []
  const add = (from: number, bytes: number) => {
    for (let cluster = Math.floor(from / clusterBytes); cluster * clusterBytes < from + bytes; cluster += 1) {
      const number = Math.floor(cluster / countsPerBlock)
      while (blocks.length <= number) blocks.push(Buffer.alloc(clusterBytes))
      const at = (cluster % countsPerBlock) * countBytes
      blocks[number]?.writeUInt16BE(blocks[number].readUInt16BE(at) + 1, at)
    }
  }
  return {
    add,
    /** The blocks count themselves and the table that finds them, too. */
    async write(file: FileSink): Promise<Refcounts> {
      const start = wholeClusters(file.length)
      const [blockCount, tableClusters] = refcountSizes(start / clusterBytes)
      add(start, (blockCount + tableClusters) * clusterBytes)
      const table = Buffer.alloc(tableClusters * clusterBytes)
      for (const [number, block] of blocks.entries()) {
        table.writeBigUInt64BE(BigInt(await writeClusters(file, block)), number * entryBytes)
      }
      return { refcountsAt: await writeClusters(file, table), refcountClusters: tableClusters }
    },
  }
}

/** So many blocks of counts, and clusters of their table, for a file of so many clusters without them. Pure. */
export function refcountSizes(clusters: number): readonly [blocks: number, tableClusters: number] {
  let [blocks, tableClusters] = [0, 0]
  for (let size = -1; size !== blocks + tableClusters; ) {
    size = blocks + tableClusters
    blocks = Math.ceil((clusters + size) / countsPerBlock)
    tableClusters = Math.ceil((blocks * entryBytes) / clusterBytes)
  }
  return [blocks, tableClusters]
}

interface HeaderInput extends Refcounts {
  readonly virtualBytes: number
  readonly tables: number
}

/** Version 3 without any feature that a reader must know; all fields that stay zero are left out here. */
const headerBytes = 104
const refcountOrder = 4

function header({ virtualBytes, tables, refcountsAt, refcountClusters }: HeaderInput): Buffer {
  // Behind it eight zeros: the end of the header's extensions.
  const bytes = Buffer.alloc(headerBytes + 8)
  bytes.write('QFI\xfb', 0, 'latin1')
  bytes.writeUInt32BE(3, 4)
  bytes.writeUInt32BE(clusterBits, 20)
  bytes.writeBigUInt64BE(BigInt(virtualBytes), 24)
  bytes.writeUInt32BE(tables, 36)
  bytes.writeBigUInt64BE(BigInt(clusterBytes), 40)
  bytes.writeBigUInt64BE(BigInt(refcountsAt), 48)
  bytes.writeUInt32BE(refcountClusters, 56)
  bytes.writeUInt32BE(refcountOrder, 96)
  bytes.writeUInt32BE(headerBytes, 100)
  return bytes
}
