/**
 * Where the grains of a streamOptimized VMDK lie, by VMware's
 * "Virtual Disk Format 5.0": markers in the order of the file, each with its grain behind it.
 */
import type { FileHandle } from 'node:fs/promises'
import { readBytes } from './read-bytes.js'

export interface Grain {
  /** Of the zlib stream, in the file. */
  readonly offsetBytes: number
  readonly lengthBytes: number
}

const sectorBytes = 512
const magic = 'KDMV'
/** Header flags: compressed grains, markers. */
const streamFlags = 0x30000
const markerHeadBytes = 12
const endOfStream = 0

/**
 * In the order of the file; empty when no such disk begins there.
 * @param startBytes where the disk begins: behind the header of its member, when the file is a tar
 * Errors: the file system's own.
 */
export async function streamGrains(file: FileHandle, startBytes = 0): Promise<readonly Grain[]> {
  const { size } = await file.stat()
  if (startBytes + sectorBytes > size) return []
  const head = await readBytes(file, startBytes, sectorBytes)
  if (head.toString('latin1', 0, 4) !== magic || (head.readUInt32LE(8) & streamFlags) !== streamFlags) return []
  return await walk(file, startBytes + Number(head.readBigUInt64LE(64)) * sectorBytes, size)
}

async function walk(file: FileHandle, startBytes: number, endBytes: number): Promise<Grain[]> {
  const grains: Grain[] = []
  let at = startBytes
  while (at + sectorBytes <= endBytes) {
    const marker = await readBytes(file, at, markerHeadBytes + 4)
    const lengthBytes = marker.readUInt32LE(8)
    if (lengthBytes > 0) {
      if (at + markerHeadBytes + lengthBytes > endBytes) break
      grains.push({ offsetBytes: at + markerHeadBytes, lengthBytes })
      at += roundUp(markerHeadBytes + lengthBytes)
    } else {
      if (marker.readUInt32LE(12) === endOfStream) break
      // Tables and footer: as many sectors as the marker says.
      at += (1 + Number(marker.readBigUInt64LE(0))) * sectorBytes
    }
  }
  return grains
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes
}
