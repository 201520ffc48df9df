/** What flows through the one pass over a golden disk: facts, blocks of 1 MiB, and the writers that take them. */
import type { Extent } from '../tools/data-extents.js'

/** Unit of compression: a grain of a VMDK, a cluster of a qcow2. */
export const grainBytes = 64 * 1024
/** Unit of the pass; blocks begin at multiples of it. */
export const blockBytes = 1024 * 1024
export const grainsPerBlock = blockBytes / grainBytes

/**
 * `stream`: raw deflate of level 6 that ends on a byte boundary (sync flush) and is not final: bodies can be
 * concatenated to one deflate stream (zip, gzip), and `body 03 00 adler32` behind `78 9c` is a whole zlib stream (VMDK).
 * `qcow2`: a whole raw deflate stream whose window is 4 KiB, the most that QEMU's reader of qcow2 has.
 */
export type DeflateKind = 'stream' | 'qcow2'

export interface DeflatedGrain {
  /** Which grain of the block, from 0. */
  readonly index: number
  readonly body: Uint8Array
  /** Of the 64 KiB before compression. */
  readonly adler32: number
  readonly crc32: number
}

/** Blocks that hold nothing but zeros are never handed to a writer: what did not come is zeros. */
export interface Block {
  /** A multiple of blockBytes. */
  readonly startBytes: number
  /** Always blockBytes long; beyond the disk's end: zeros. Reused when `take` has resolved. */
  readonly bytes: Uint8Array
  /** How much of it lies on the disk: blockBytes, or less for the disk's last block. */
  readonly lengthBytes: number
  /** Ascending indices of the grains that are not all zeros; never empty. */
  readonly grains: readonly number[]
  /** One for each of `grains`, in their order; compressed once on worker threads, whoever asks. */
  deflated(kind: DeflateKind): Promise<readonly DeflatedGrain[]>
}

/** What is known of the disk before the first block. */
export interface PassDisk {
  /** May be any number, 0 too. */
  readonly virtualBytes: number
  /** Ascending parts that hold data; all else is a hole. */
  readonly extents: readonly Extent[]
  /**
   * For writers that change what they pass on: a block of these bytes (a copy of at most blockBytes, zeros are
   * added), or undefined when all are zeros.
   */
  makeBlock(startBytes: number, bytes: Uint8Array): Block | undefined
}

/** Writes one image, or hands blocks on to another writer. Made without touching the disk: `begin` opens. */
export interface ImageWriter {
  /** What `take` asks the blocks for; it is begun ahead, on all cores. */
  readonly deflates: readonly DeflateKind[]
  /** Once, before the first block. */
  begin(disk: PassDisk): Promise<void>
  /** In ascending order; the next block comes when this promise has resolved. */
  take(block: Block): Promise<void>
  /** Once, after the last block: the file is complete then (but not synced: the stage does that). */
  finish(): Promise<void>
  /** Instead of `finish` when anything failed, whatever was called before: closes, never rejects. */
  abort(): Promise<void>
}
