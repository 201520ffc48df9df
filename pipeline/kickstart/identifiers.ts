/** Derives the identifiers of disk, partitions and file systems, so that equal inputs give equal disks. */
import { createHash } from 'node:crypto'

/**
 * A UUID that depends on nothing but the two words: the first 16 bytes of SHA-256 over both, marked as
 * version 8 (free form, RFC 9562) so that it claims to be neither random nor UUIDv5's SHA-1.
 */
export function deterministicUuid(seed: string, name: string): string {
  const bytes = digest(seed, name)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.subarray(0, 16).toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join(
    '-'
  )
}

/** The volume id of a FAT file system: 8 upper-case hex digits, as mkfs.vfat -i takes it. */
export function deterministicVolumeId(seed: string, name: string): string {
  return digest(seed, name).toString('hex', 0, 4).toUpperCase()
}

/** Names come after a NUL, so that ("ab", "c") and ("a", "bc") differ. */
function digest(seed: string, name: string): Buffer {
  return createHash('sha256').update(`${seed}\0${name}`).digest()
}
