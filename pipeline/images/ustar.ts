/** Members of a ustar archive with nothing of this host in it: no owner, no date. */
// https://pubs.opengroup.org/onlinepubs/9699919799/utilities/pax.html#tag_20_92_13_06

const recordBytes = 512
/** What eleven octal digits hold. */
export const tarMemberLimitBytes = 8 ** 11 - 1

/** Throws RangeError on a name of more than 100 bytes or a member of 8 GiB: neither fits (a fault of the caller). */
export function tarHeader(name: string, sizeBytes: number, mode = 0o644): Buffer {
  if (Buffer.byteLength(name) > 100) throw new RangeError(`"${name}" is too long for a tar`)
  if (sizeBytes > tarMemberLimitBytes) throw new RangeError(`"${name}" is too large for a tar`)
  const bytes = Buffer.alloc(recordBytes)
  const octal = (value: number, at: number, digits: number) => bytes.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1')
  bytes.write(name, 'utf8')
  octal(mode, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(sizeBytes, 124, 11)
  octal(0, 136, 11)
  bytes.write('        0', 148, 'latin1')
  bytes.write('ustar\u000000', 257, 'latin1')
  const sum = bytes.reduce((total, byte) => total + byte, 0)
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return bytes
}

/** What fills a member's last record. */
export function tarPadding(sizeBytes: number): Buffer {
  return Buffer.alloc((recordBytes - (sizeBytes % recordBytes)) % recordBytes)
}

export const tarTrailer: Buffer = Buffer.alloc(2 * recordBytes)
