/** Compresses one grain in the two ways that images need. */
import zlib from 'node:zlib'
import type { DeflateKind } from './types.js'

export interface DeflateJob {
  readonly kind: DeflateKind
  /** One block; shared, so that nothing is copied. */
  readonly block: SharedArrayBuffer
  readonly grains: readonly number[]
}

export interface DeflateDone {
  /** The bodies, one behind the other. */
  readonly bodies: Uint8Array
  /** Length, Adler-32 and CRC-32 of each grain in turn. */
  readonly facts: Uint32Array
}

/** See DeflateDone.facts. */
export const factsPerGrain = 3

const { Z_FINISH, Z_SYNC_FLUSH } = zlib.constants

/** Level 6 is what qemu-img and zip take; memory level 9 makes it a little faster. */
const settings = { level: 6, memLevel: 9, chunkSize: 72 * 1024 } as const

/** How each way is deflated, raw. Grains of `stream` end in a flush. */
export const deflateOptions: Readonly<Record<DeflateKind, zlib.ZlibOptions>> = {
  stream: { ...settings, windowBits: 15, finishFlush: Z_SYNC_FLUSH },
  qcow2: { ...settings, windowBits: 12, finishFlush: Z_FINISH },
}

export function deflateGrain(kind: DeflateKind, grain: Uint8Array): Uint8Array {
  return zlib.deflateRawSync(grain, deflateOptions[kind])
}

const adlerModulus = 65521
/** So many bytes can be summed before the second sum no longer fits in 53 bits with ease; keeps both in small integers. */
const adlerRun = 3800

/** https://www.rfc-editor.org/rfc/rfc1950#section-8 */
export function adler32(bytes: Uint8Array): number {
  let [low, high, at] = [1, 0, 0]
  while (at < bytes.length) {
    const end = Math.min(at + adlerRun, bytes.length)
    for (; at < end; at += 1) {
      low += bytes[at] ?? 0
      high += low
    }
    low %= adlerModulus
    high %= adlerModulus
  }
  return ((high << 16) | low) >>> 0
}
