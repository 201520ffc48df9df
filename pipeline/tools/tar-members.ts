/** Where the members of a tar lie: ustar (POSIX 1003.1-1988), as OVAs, XVAs and Vagrant boxes are. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { readBytes } from './read-bytes.js'

export const tarBlockBytes = 512
const nameBytes = 100

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
  return await tarMembers(file).finally(() => file.close())
}

/** As `listTar`, of a file that is open; no member when it is no tar. */
export async function tarMembers(file: FileHandle): Promise<TarListing> {
  const { size } = await file.stat()
  const members: FoundMember[] = []
  for (let at = 0; ; ) {
    const header = await readBytes(file, at, tarBlockBytes)
    if (header.length < tarBlockBytes) return { members, problems: ['has no end of archive'] }
    if (header.every(byte => byte === 0)) return { members, problems: [] }
    if (number(header, 148, 8) !== tarChecksum(header)) return { members, problems: [`has a damaged tar header at byte ${at}`] }
    const member = parseMember(header, at + tarBlockBytes)
    // Some writers have another notation for what is too long for eleven digits.
    if (!(member.bytes >= 0)) return { members, problems: [`has a tar header without a size at byte ${at}`] }
    members.push(member)
    at = member.startBytes + Math.ceil(member.bytes / tarBlockBytes) * tarBlockBytes
    if (at > size) return { members, problems: [`is cut off in ${member.name}`] }
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

/** Sum of all bytes, its own field counted as spaces. */
export function tarChecksum(header: Buffer): number {
  return header.reduce((sum, byte, at) => sum + (at >= 148 && at < 156 ? 0x20 : byte), 0)
}
