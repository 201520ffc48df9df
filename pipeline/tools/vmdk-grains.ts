/**
 * Where the grains of a streamOptimized VMDK lie, alone or as a member of an OVA, by VMware's
 * "Virtual Disk Format 5.0": markers in the order of the file, each with its grain behind it.
 */
import type { FileHandle } from 'node:fs/promises'

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

/** In the order of the file; empty when there is no such disk in it. Errors: the file system's own. */
export async function streamGrains(file: FileHandle): Promise<readonly Grain[]> {
  const { size } = await file.stat()
  const grains: Grain[] = []
  for (const start of await diskOffsets(file, size)) {
    const head = await readAt(file, start, sectorBytes)
    if (head.toString('latin1', 0, 4) !== magic || (head.readUInt32LE(8) & streamFlags) !== streamFlags) continue
    const overheadBytes = Number(head.readBigUInt64LE(64)) * sectorBytes
    grains.push(...(await walk(file, start + overheadBytes, size)))
  }
  return grains
}

async function walk(file: FileHandle, startBytes: number, endBytes: number): Promise<Grain[]> {
  const grains: Grain[] = []
  let at = startBytes
  while (at + sectorBytes <= endBytes) {
    const marker = await readAt(file, at, markerHeadBytes + 4)
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

/** Of the file itself, or of the members of a tar. */
async function diskOffsets(file: FileHandle, size: number): Promise<number[]> {
  if (size < sectorBytes) return []
  const head = await readAt(file, 0, sectorBytes)
  if (head.toString('latin1', 257, 262) !== 'ustar') return [0]
  const offsets: number[] = []
  for (let at = 0; at + 2 * sectorBytes <= size; ) {
    const member = await readAt(file, at, sectorBytes)
    const bytes = Number.parseInt(member.toString('latin1', 124, 136), 8)
    if (member[0] === 0 || !(bytes >= 0)) break
    if (bytes >= sectorBytes) offsets.push(at + sectorBytes)
    at += sectorBytes + roundUp(bytes)
  }
  return offsets
}

function roundUp(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes
}

async function readAt(file: FileHandle, offsetBytes: number, lengthBytes: number): Promise<Buffer> {
  const buffer = Buffer.alloc(lengthBytes)
  await file.read(buffer, 0, lengthBytes, offsetBytes)
  return buffer
}
