/** The expanding disk of Parallels Desktop (.hds) in clusters of 1 MiB. */
// https://github.com/qemu/qemu/blob/master/docs/interop/parallels.rst
import type { FrontedFormat } from './fronted.js'
import { blockBytes } from './types.js'

const sectorBytes = 512
const headerBytes = 64
const clusterSectors = blockBytes / sectorBytes
/** The geometry that Parallels writes: it only has to multiply to the size. */
export const hdsGeometry = { heads: 16, sectors: 32 } as const

export const hds: FrontedFormat = { frontBytes, front }

function frontBytes(virtualBytes: number): number {
  return Math.ceil((headerBytes + clusterCount(virtualBytes) * 4) / blockBytes) * blockBytes
}

function clusterCount(virtualBytes: number): number {
  return Math.ceil(virtualBytes / blockBytes)
}

function front(virtualBytes: number, blocks: readonly number[]): Buffer {
  const length = frontBytes(virtualBytes)
  const bytes = Buffer.alloc(headerBytes + clusterCount(virtualBytes) * 4)
  const sectors = Math.ceil(virtualBytes / sectorBytes)
  bytes.write('WithouFreSpacExt', 'latin1')
  bytes.writeUInt32LE(2, 16)
  bytes.writeUInt32LE(hdsGeometry.heads, 20)
  bytes.writeUInt32LE(Math.ceil(sectors / (hdsGeometry.heads * hdsGeometry.sectors)), 24)
  bytes.writeUInt32LE(clusterSectors, 28)
  bytes.writeUInt32LE(clusterCount(virtualBytes), 32)
  bytes.writeBigUInt64LE(BigInt(sectors), 36)
  // Where the clusters begin, in sectors; the four bytes before say that nobody has it open: closed cleanly.
  bytes.writeUInt32LE(length / sectorBytes, 48)
  blocks.forEach((block, position) => bytes.writeUInt32LE(length / blockBytes + position, headerBytes + block * 4))
  return bytes
}
