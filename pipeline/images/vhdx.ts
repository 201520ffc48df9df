/** VHDX, dynamic, in blocks of 1 MiB: what Hyper-V's generations 1 and 2 read. */
// https://learn.microsoft.com/openspecs/windows_protocols/ms-vhdx/; Microsoft advises blocks of 1 MiB for ext4.
import { crc32c } from './crc32c.js'
import type { FrontedFormat } from './fronted.js'
import { derivedUuid, guidBytes } from './guid.js'
import { blockBytes } from './types.js'

const kib = 1024
const mib = 1024 * kib
const sectorBytes = 512

/** Header and table sizes and places of the format. */
const places = {
  headers: [64 * kib, 128 * kib],
  regions: [192 * kib, 256 * kib],
  log: mib,
  metadata: 2 * mib,
  blockTable: 3 * mib,
} as const
const headerBytes = 4 * kib
const regionTableBytes = 64 * kib
/** Metadata items begin behind the metadata table. */
const itemsOffset = 64 * kib

const regionIds = {
  blockTable: '2dc27766-f623-4200-9d64-115e9bfd4a08',
  metadata: '8b7ca206-4790-4b9a-b8fe-575f050f886e',
} as const

/** State of a table entry: all zeros without a place in the file, or present. */
const states = { zero: 2n, present: 6n } as const

/** After this many blocks the table has an entry for a bitmap of sectors, which only disks with a parent use. */
const blocksPerBitmap = (2 ** 23 * sectorBytes) / blockBytes

/** @param identity what the ids in the file are derived from */
export function vhdx(identity: string): FrontedFormat {
  return {
    frontBytes: virtualBytes => places.blockTable + blockTableBytes(virtualBytes),
    front: (virtualBytes, blocks) => {
      const front = Buffer.alloc(places.blockTable + blockTableBytes(virtualBytes))
      front.write('vhdxfile', 'latin1')
      places.headers.forEach((at, number) => header(identity, number).copy(front, at))
      for (const at of places.regions) regionTable(virtualBytes).copy(front, at)
      metadata(identity, virtualBytes).copy(front, places.metadata)
      blockTable(virtualBytes, blocks, front.length).copy(front, places.blockTable)
      return front
    },
  }
}

function entryCount(virtualBytes: number): number {
  const blocks = Math.ceil(virtualBytes / blockBytes)
  return blocks + Math.max(0, Math.ceil(blocks / blocksPerBitmap) - 1)
}

/** Regions are whole MiB. */
function blockTableBytes(virtualBytes: number): number {
  return Math.max(1, Math.ceil((entryCount(virtualBytes) * 8) / mib)) * mib
}

/** Of the two headers the one with the higher number counts. */
function header(identity: string, number: number): Buffer {
  const bytes = Buffer.alloc(headerBytes)
  bytes.write('head', 'latin1')
  bytes.writeBigUInt64LE(BigInt(number), 8)
  guidBytes(derivedUuid('vhdx file', identity)).copy(bytes, 16)
  guidBytes(derivedUuid('vhdx data', identity)).copy(bytes, 32)
  // No log id: nothing to replay.
  bytes.writeUInt16LE(1, 66)
  bytes.writeUInt32LE(mib, 68)
  bytes.writeBigUInt64LE(BigInt(places.log), 72)
  return withChecksum(bytes)
}

function regionTable(virtualBytes: number): Buffer {
  const bytes = Buffer.alloc(regionTableBytes)
  const regions = [
    { id: regionIds.blockTable, at: places.blockTable, length: blockTableBytes(virtualBytes) },
    { id: regionIds.metadata, at: places.metadata, length: mib },
  ]
  bytes.write('regi', 'latin1')
  bytes.writeUInt32LE(regions.length, 8)
  regions.forEach(({ id, at, length }, index) => {
    const entry = 16 + index * 32
    guidBytes(id).copy(bytes, entry)
    bytes.writeBigUInt64LE(BigInt(at), entry + 16)
    bytes.writeUInt32LE(length, entry + 24)
    bytes.writeUInt32LE(1, entry + 28)
  })
  return withChecksum(bytes)
}

/** Both structures keep it at byte 4, computed with zeros there. */
function withChecksum(bytes: Buffer): Buffer {
  bytes.writeUInt32LE(crc32c(bytes), 4)
  return bytes
}

const required = 4
const ofVirtualDisk = 2

function metadata(identity: string, virtualBytes: number): Buffer {
  const number = (value: number, length: 4 | 8) => {
    const bytes = Buffer.alloc(length)
    bytes.writeUIntLE(value, 0, Math.min(length, 6))
    return bytes
  }
  const items = [
    // Block size, and flags: neither fixed nor with a parent.
    { id: 'caa16737-fa36-4d43-b3b6-33f0aa44e76b', flags: required, value: number(blockBytes, 8) },
    { id: '2fa54224-cd1b-4876-b211-5dbed83bf4b8', flags: required | ofVirtualDisk, value: number(Math.ceil(virtualBytes / sectorBytes) * sectorBytes, 8) },
    { id: 'beca12ab-b2e6-4523-93ef-c309e000c746', flags: required | ofVirtualDisk, value: guidBytes(derivedUuid('vhdx disk', identity)) },
    { id: '8141bf1d-a96f-4709-ba47-f233a8faab5f', flags: required | ofVirtualDisk, value: number(sectorBytes, 4) },
    { id: 'cda348c7-445d-4471-9cc9-e9885251c556', flags: required | ofVirtualDisk, value: number(4096, 4) },
  ]
  const bytes = Buffer.alloc(itemsOffset + items.length * 16)
  bytes.write('metadata', 'latin1')
  bytes.writeUInt16LE(items.length, 10)
  items.forEach(({ id, flags, value }, index) => {
    const [entry, at] = [32 + index * 32, itemsOffset + index * 16]
    guidBytes(id).copy(bytes, entry)
    bytes.writeUInt32LE(at, entry + 16)
    bytes.writeUInt32LE(value.length, entry + 20)
    bytes.writeUInt32LE(flags, entry + 24)
    value.copy(bytes, at)
  })
  return bytes
}

function blockTable(virtualBytes: number, blocks: readonly number[], frontBytes: number): Buffer {
  const bytes = Buffer.alloc(entryCount(virtualBytes) * 8)
  const entryOf = (block: number) => (block + Math.floor(block / blocksPerBitmap)) * 8
  for (let block = 0; block * blockBytes < virtualBytes; block++) bytes.writeBigUInt64LE(states.zero, entryOf(block))
  blocks.forEach((block, position) => {
    const atMib = frontBytes / mib + position * (blockBytes / mib)
    bytes.writeBigUInt64LE((BigInt(atMib) << 20n) | states.present, entryOf(block))
  })
  return bytes
}
