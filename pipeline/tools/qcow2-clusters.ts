/**
 * Where the compressed clusters of a qcow2 file lie, by its specification:
 * https://www.qemu.org/docs/master/interop/qcow2.html (L1 and L2 tables, compressed clusters descriptor)
 */
import type { FileHandle } from 'node:fs/promises'
import { parseQcow2Header } from './qcow2-header.js'
import { readBytes } from './read-bytes.js'

export interface CompressedCluster {
  /** In the file. */
  readonly offsetBytes: number
  /** The descriptor counts in sectors: the cluster's bytes end here or before. */
  readonly mostBytes: number
}

const headerBytes = 112
const offsetMask = 0x00ff_ffff_ffff_fe00n
const compressedBit = 1n << 62n
const sectorBytes = 512
/** Windows of deflate streams in qcow2: https://gitlab.com/qemu-project/qemu/-/blob/v7.2.0/block/qcow2-threads.c */
export const qcow2WindowBits = 12

/**
 * In the order of the file; empty when no qcow2 compressed by zlib begins there.
 * @param startBytes where the image begins: behind the header of its member, when the file is a tar
 * Errors: the file system's own. A table that points outside the file is taken for empty: the digest of the whole
 * file is what tells whether it is sound.
 */
export async function compressedClusters(file: FileHandle, startBytes = 0): Promise<readonly CompressedCluster[]> {
  const { size } = await file.stat()
  // What looks like an image may name a table of any length, anywhere.
  const read = async (offsetBytes: number, lengthBytes: number) =>
    await readBytes(file, offsetBytes, Math.min(lengthBytes, size - offsetBytes))
  const head = await read(startBytes, headerBytes)
  const header = parseQcow2Header(head)
  if (header?.compression !== 'zlib') return []
  const { clusterBytes } = header
  const found: CompressedCluster[] = []
  const tables = entriesOf(await read(startBytes + Number(head.readBigUInt64BE(40)), head.readUInt32BE(36) * 8))
  // Each once: what only looks like an image may name one table over and over.
  for (const at of new Set(tables.map(l2 => Number(l2 & offsetMask)))) {
    if (at === 0) continue
    for (const entry of entriesOf(await read(startBytes + at, clusterBytes))) {
      if ((entry & compressedBit) !== 0n) found.push(parseDescriptor(entry, clusterBytes))
    }
  }
  return found.sort((a, b) => a.offsetBytes - b.offsetBytes).map(({ offsetBytes, mostBytes }) => ({ offsetBytes: startBytes + offsetBytes, mostBytes }))
}

function parseDescriptor(entry: bigint, clusterBytes: number): CompressedCluster {
  const offsetBits = BigInt(62 - (Math.log2(clusterBytes) - 8))
  const offsetBytes = Number(entry & ((1n << offsetBits) - 1n))
  const sectors = Number((entry & (compressedBit - 1n)) >> offsetBits) + 1
  return { offsetBytes, mostBytes: sectors * sectorBytes - (offsetBytes % sectorBytes) }
}

function entriesOf(table: Buffer): bigint[] {
  return Array.from({ length: Math.floor(table.length / 8) }, (_, index) => table.readBigUInt64BE(index * 8))
}
