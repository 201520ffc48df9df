/** Tar files as OVAs are: ustar (POSIX 1003.1-1988), plain files only, one owner and date for all; to write and to list. */
import { open } from 'node:fs/promises'

export const tarBlockBytes = 512
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
  header.write(`${checksum(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** Zeros up to the next block. */
export function tarPadding(bytes: number): Buffer {
  return Buffer.alloc((tarBlockBytes - (bytes % tarBlockBytes)) % tarBlockBytes)
}

/** Sum of all bytes, its own field counted as spaces. */
function checksum(header: Buffer): number {
  return header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0)
}

export interface FoundMember {
  readonly name: string
  readonly bytes: number
  /** Where its content begins in the file. */
  readonly startBytes: number
  /** `0` for a plain file. */
  readonly type: string
  readonly isUstar: boolean
}

export interface TarListing {
  readonly members: readonly FoundMember[]
  /** What is wrong with the file as a whole, each as the end of a sentence that begins with its name. */
  readonly problems: readonly string[]
}

/** Reads headers only. Errors: the file system's own. */
export async function listTar(path: string): Promise<TarListing> {
  const file = await open(path, 'r')
  try {
    const { size } = await file.stat()
    const members: FoundMember[] = []
    for (let at = 0; ; ) {
      const header = Buffer.alloc(tarBlockBytes)
      const { bytesRead } = await file.read(header, 0, tarBlockBytes, at)
      if (bytesRead < tarBlockBytes) return { members, problems: ['has no end of archive'] }
      if (header.every(byte => byte === 0)) return { members, problems: [] }
      if (number(header, 148, 8) !== checksum(header)) return { members, problems: [`has a damaged tar header at byte ${at}`] }
      const member = parseMember(header, at + tarBlockBytes)
      members.push(member)
      at = member.startBytes + member.bytes + tarPadding(member.bytes).length
      if (at > size) return { members, problems: [`is cut off in ${member.name}`] }
    }
  } finally {
    await file.close()
  }
}

function parseMember(header: Buffer, startBytes: number): FoundMember {
  return {
    name: text(header, 0, nameBytes),
    bytes: number(header, 124, 12),
    startBytes,
    type: text(header, 156, 1) || '0',
    isUstar: header.toString('latin1', 257, 265) === 'ustar\x0000',
  }
}

function text(header: Buffer, at: number, length: number): string {
  return header.toString('utf8', at, at + length).replace(/\0.*$/s, '')
}

function number(header: Buffer, at: number, length: number): number {
  return Number.parseInt(text(header, at, length).trim(), 8)
}
