/** Whether a golden disk is whole, as far as its first and last sectors tell: size, and both headers of its GPT. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { goldenDiskUnsound } from '../errors/images.js'
import { crc32 } from './crc32.js'

export interface CheckedDisk {
  readonly path: string
  readonly format: string
  /** What the spec says. */
  readonly wantedBytes: number
}

const sectorBytes = 512
const signature = 'EFI PART'

/** Errors: `golden-disk-unsound` (exit 4); those of the file system. */
export async function requireSound({ path, format, wantedBytes }: CheckedDisk): Promise<void> {
  if (format !== 'raw') throw goldenDiskUnsound(path, `is ${format}, wanted raw`)
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    if (size !== wantedBytes) throw goldenDiskUnsound(path, `has ${size} bytes, wanted ${wantedBytes}`)
    const problem = await gptProblem(file, size / sectorBytes - 1)
    if (problem) throw goldenDiskUnsound(path, problem)
  } finally {
    await file.close()
  }
}

/** A disk without GPT has nothing to hold it to. UEFI specification, 5.3.2 "GPT header". */
async function gptProblem(file: FileHandle, lastSector: number): Promise<string | undefined> {
  const first = await readSector(file, 1)
  if (first.toString('latin1', 0, signature.length) !== signature) return undefined
  if (!isHeader(first)) return 'has a damaged partition table (the checksum of its GPT header is wrong)'
  const backup = Number(first.readBigUInt64LE(32))
  if (backup !== lastSector) return `has a partition table for a disk of another size (its copy is at sector ${backup}, the last one is ${lastSector})`
  return isHeader(await readSector(file, backup)) ? undefined : 'has a damaged copy of its partition table at its end'
}

async function readSector(file: FileHandle, sector: number): Promise<Buffer> {
  const buffer = Buffer.alloc(sectorBytes)
  await file.read(buffer, 0, sectorBytes, sector * sectorBytes)
  return buffer
}

/** The checksum counts with its own field as zeros. */
function isHeader(sector: Buffer): boolean {
  const length = sector.readUInt32LE(12)
  if (sector.toString('latin1', 0, signature.length) !== signature || length > sectorBytes) return false
  const header = Buffer.from(sector.subarray(0, length))
  const sum = header.readUInt32LE(16)
  header.writeUInt32LE(0, 16)
  return crc32(header) === sum
}
