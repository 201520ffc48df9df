/** Content ids of a VMDK, derived from what the image is: two exports of one release are equal. */
import { createHash } from 'node:crypto'

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
