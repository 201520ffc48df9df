/** Headers of zip files, with the 64-bit fields where a number needs them. https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT */

export interface ZipEntry {
  readonly name: string
  readonly method: 'stored' | 'deflated'
  readonly crc32: number
  readonly packedBytes: number
  readonly bytes: number
  /** Where its local header lies. */
  readonly startBytes: number
  /** 64-bit sizes whether they are needed or not: the local header's length must not depend on them. */
  readonly isLarge: boolean
}

const limit32 = 0xffff_ffff
const methods = { stored: 0, deflated: 8 } as const
/** 4.5 of the format brought 64-bit fields. */
const versions = { plain: 20, large: 45 } as const
const unixMadeBy = 3 << 8

export function localHeader(entry: ZipEntry, modifiedEpoch: number): Buffer {
  const name = Buffer.from(entry.name)
  const fixed = Buffer.alloc(30)
  fixed.writeUInt32LE(0x04034b50, 0)
  commonFields(entry, modifiedEpoch).copy(fixed, 4)
  fixed.writeUInt32LE(entry.isLarge ? limit32 : entry.packedBytes, 18)
  fixed.writeUInt32LE(entry.isLarge ? limit32 : entry.bytes, 22)
  fixed.writeUInt16LE(name.length, 26)
  const extra = entry.isLarge ? largeExtra([entry.bytes, entry.packedBytes]) : Buffer.alloc(0)
  fixed.writeUInt16LE(extra.length, 28)
  return Buffer.concat([fixed, name, extra])
}

function centralHeader(entry: ZipEntry, modifiedEpoch: number): Buffer {
  const name = Buffer.from(entry.name)
  const isFar = entry.startBytes >= limit32
  const extra = largeExtra([...(entry.isLarge ? [entry.bytes, entry.packedBytes] : []), ...(isFar ? [entry.startBytes] : [])])
  const fixed = Buffer.alloc(46)
  fixed.writeUInt32LE(0x02014b50, 0)
  fixed.writeUInt16LE(unixMadeBy | versions.large, 4)
  commonFields(entry, modifiedEpoch).copy(fixed, 6)
  fixed.writeUInt32LE(entry.isLarge ? limit32 : entry.packedBytes, 20)
  fixed.writeUInt32LE(entry.isLarge ? limit32 : entry.bytes, 24)
  fixed.writeUInt16LE(name.length, 28)
  fixed.writeUInt16LE(extra.length, 30)
  fixed.writeUInt32LE((0o100644 << 16) >>> 0, 38)
  fixed.writeUInt32LE(isFar ? limit32 : entry.startBytes, 42)
  return Buffer.concat([fixed, name, extra])
}

/** Version needed, flags, method, time, date, CRC: the same in both headers. */
function commonFields({ name, method, crc32, isLarge }: ZipEntry, modifiedEpoch: number): Buffer {
  const { time, date } = dosTime(modifiedEpoch)
  const fields = Buffer.alloc(14)
  fields.writeUInt16LE(isLarge ? versions.large : versions.plain, 0)
  // Bit 11: the name is UTF-8.
  fields.writeUInt16LE(/^[\x20-\x7e]*$/.test(name) ? 0 : 1 << 11, 2)
  fields.writeUInt16LE(methods[method], 4)
  fields.writeUInt16LE(time, 6)
  fields.writeUInt16LE(date, 8)
  fields.writeUInt32LE(crc32, 10)
  return fields
}

function largeExtra(numbers: readonly number[]): Buffer {
  if (numbers.length === 0) return Buffer.alloc(0)
  const extra = Buffer.alloc(4 + numbers.length * 8)
  extra.writeUInt16LE(1, 0)
  extra.writeUInt16LE(numbers.length * 8, 2)
  numbers.forEach((number, at) => extra.writeBigUInt64LE(BigInt(number), 4 + at * 8))
  return extra
}

/** UTC; the format begins in 1980 and counts in steps of two seconds. */
function dosTime(epoch: number): { time: number; date: number } {
  const when = new Date(Math.max(epoch * 1000, Date.UTC(1980, 0, 1)))
  return {
    time: (when.getUTCHours() << 11) | (when.getUTCMinutes() << 5) | (when.getUTCSeconds() >> 1),
    date: ((when.getUTCFullYear() - 1980) << 9) | ((when.getUTCMonth() + 1) << 5) | when.getUTCDate(),
  }
}

/** What follows the last entry, for a file whose entries end at `startBytes`. */
export function centralDirectory(entries: readonly ZipEntry[], startBytes: number, modifiedEpoch: number): Buffer {
  const headers = Buffer.concat(entries.map(entry => centralHeader(entry, modifiedEpoch)))
  const isFar = startBytes >= limit32
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(headers.length, 12)
  end.writeUInt32LE(isFar ? limit32 : startBytes, 16)
  return Buffer.concat([headers, ...(isFar ? [largeEnd(entries.length, headers.length, startBytes)] : []), end])
}

/** The 64-bit end record, and the locator that points to it. */
function largeEnd(entries: number, bytes: number, startBytes: number): Buffer {
  const end = Buffer.alloc(56 + 20)
  end.writeUInt32LE(0x06064b50, 0)
  end.writeBigUInt64LE(44n, 4)
  end.writeUInt16LE(unixMadeBy | versions.large, 12)
  end.writeUInt16LE(versions.large, 14)
  end.writeBigUInt64LE(BigInt(entries), 24)
  end.writeBigUInt64LE(BigInt(entries), 32)
  end.writeBigUInt64LE(BigInt(bytes), 40)
  end.writeBigUInt64LE(BigInt(startBytes), 48)
  end.writeUInt32LE(0x07064b50, 56)
  end.writeBigUInt64LE(BigInt(startBytes + bytes), 64)
  end.writeUInt32LE(1, 72)
  return end
}
