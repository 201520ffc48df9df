/** Fixed VHD: the raw disk, holes and all, and one sector of description behind it. */
// https://www.microsoft.com/download/details.aspx?id=23850 (Virtual Hard Disk Image Format Specification 1.0)
import { fileSink } from './byte-sink.js'
import { derivedUuid } from './guid.js'
import type { ImageWriter } from './types.js'

const sectorBytes = 512
/** Type of a disk whose file is as long as the disk. */
const fixed = 2

/** Sparse where the disk is. @param identity what the id in the file is derived from. Errors: the file system's own. */
export function vhdFile(path: string, identity: string): ImageWriter {
  const file = fileSink(path)
  let virtualBytes = 0
  return {
    deflates: [],
    begin: async disk => {
      // Microsoft's tools take whole sectors only.
      virtualBytes = Math.ceil(disk.virtualBytes / sectorBytes) * sectorBytes
      await file.open()
    },
    take: async block => {
      file.skip(block.startBytes - file.length)
      await file.write([block.bytes.subarray(0, Math.ceil(block.lengthBytes / sectorBytes) * sectorBytes)])
    },
    finish: async () => {
      file.skip(virtualBytes - file.length)
      await file.write([vhdFooter(virtualBytes, identity)])
      await file.close()
    },
    abort: () => file.abort(),
  }
}

export function vhdFooter(virtualBytes: number, identity: string): Buffer {
  const bytes = Buffer.alloc(sectorBytes)
  const { cylinders, heads, sectors } = geometryOf(virtualBytes)
  bytes.write('conectix', 'latin1')
  bytes.writeUInt32BE(2, 8)
  bytes.writeUInt32BE(0x10000, 12)
  bytes.fill(0xff, 16, 24)
  // The time stamp stays zero. "win " makes QEMU take the size below for the size, not the geometry.
  bytes.write('win ', 28, 'latin1')
  bytes.writeUInt32BE(0xa0000, 32)
  bytes.write('Wi2k', 36, 'latin1')
  bytes.writeBigUInt64BE(BigInt(virtualBytes), 40)
  bytes.writeBigUInt64BE(BigInt(virtualBytes), 48)
  bytes.writeUInt16BE(cylinders, 56)
  bytes.writeUInt8(heads, 58)
  bytes.writeUInt8(sectors, 59)
  bytes.writeUInt32BE(fixed, 60)
  bytes.write(derivedUuid('vhd', identity).replaceAll('-', ''), 68, 'hex')
  bytes.writeUInt32BE(~bytes.reduce((sum, byte) => sum + byte, 0) >>> 0, 64)
  return bytes
}

/** The specification's own algorithm; disks above 127 GiB all have the largest geometry. */
function geometryOf(virtualBytes: number): { cylinders: number; heads: number; sectors: number } {
  const total = Math.min(virtualBytes / sectorBytes, 65535 * 16 * 255)
  if (total >= 65535 * 16 * 63) return { cylinders: Math.floor(total / 255 / 16), heads: 16, sectors: 255 }
  let [sectors, tracks] = [17, Math.floor(total / 17)]
  let heads = Math.max(4, Math.floor((tracks + 1023) / 1024))
  if (tracks >= heads * 1024 || heads > 16) [sectors, heads, tracks] = [31, 16, Math.floor(total / 31)]
  if (tracks >= heads * 1024) [sectors, heads, tracks] = [63, 16, Math.floor(total / 63)]
  return { cylinders: Math.floor(tracks / heads), heads, sectors }
}
