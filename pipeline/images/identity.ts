/** Ids that formats want to be unique, derived from what the image is: two exports of one release are equal. */
import { createHash } from 'node:crypto'

/** A UUID of version 8 (RFC 9562, "vendor specific"): a digest of both texts. */
export function derivedUuid(seed: string, purpose: string): string {
  const bytes = digest(seed, purpose).subarray(0, 16)
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x80
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-')
}

/** A VMDK's content id, 8 hex digits: neither ffffffff (no parent) nor fffffffe (changed) can come out. */
export function derivedCid(seed: string): string {
  const bytes = digest(seed, 'cid').subarray(0, 4)
  bytes[0] = (bytes[0] ?? 0) & 0x7f
  return bytes.toString('hex')
}

/** 32 hex digits. */
export function derivedContentId(seed: string): string {
  return digest(seed, 'content').toString('hex').slice(0, 32)
}

function digest(seed: string, purpose: string): Buffer {
  return createHash('sha256').update(`${purpose}\0${seed}`).digest()
}
