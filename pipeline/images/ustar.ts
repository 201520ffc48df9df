/**
 * Writes tar files as OVAs are: ustar (POSIX 1003.1-1988), plain files only, one owner and date for all.
 * pipeline/tools/tar-members.ts lists them.
 */
import { tarBlockBytes, tarChecksum } from '../tools/tar-members.js'

/** Two blocks of zeros. */
export const tarTrailer: Buffer = Buffer.alloc(2 * tarBlockBytes)
/** The size has 11 octal digits; longer ones are an extension that OVA readers need not know. */
export const tarMemberLimitBytes = 8 ** 11 - 1
const nameBytes = 100

export interface TarAttributes {
  /** @default 0o644 */
  readonly mode?: number
  /** Seconds since 1970. @default 0 */
  readonly modifiedEpoch?: number
}

/** Throws RangeError on a name of more than 100 bytes or a member of 8 GiB: neither fits (a fault of the caller). */
export function tarHeader(name: string, bytes: number, { mode = 0o644, modifiedEpoch = 0 }: TarAttributes = {}): Buffer {
  if (Buffer.byteLength(name) > nameBytes) throw new RangeError(`"${name}" is too long for a tar`)
  if (bytes > tarMemberLimitBytes) throw new RangeError(`"${name}" is too large for a tar`)
  const header = Buffer.alloc(tarBlockBytes)
  const octal = (value: number, at: number, digits: number) => header.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1')
  header.write(name, 0, 'utf8')
  octal(mode, 100, 7)
  octal(0, 108, 7)
  octal(0, 116, 7)
  octal(bytes, 124, 11)
  octal(modifiedEpoch, 136, 11)
  header.write('0', 156, 'latin1')
  header.write('ustar\x0000', 257, 'latin1')
  header.write(`${tarChecksum(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** Zeros up to the next block. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((tarBlockBytes - (bytes % tarBlockBytes)) % tarBlockBytes)
}
