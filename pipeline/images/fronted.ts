/**
 * Image formats that are one table in front and the disk's blocks behind it, in order and without those of zeros. The
 * table's length is known at once, its content when the last block has come.
 */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { blockBytes } from './types.js'
import type { ImageWriter } from './types.js'

export interface FrontedFormat {
  /** Bytes in front of the first block: a multiple of blockBytes. */
  frontBytes(virtualBytes: number): number
  /** @param blocks indices of the blocks that follow, ascending; no longer than frontBytes, zeros are added */
  front(virtualBytes: number, blocks: readonly number[]): Buffer
}

/** Writes the format into a file of its own. Errors: the file system's own. */
export function frontedFile(path: string, format: FrontedFormat): ImageWriter {
  const blocks: number[] = []
  let file: FileHandle | undefined
  let virtualBytes = 0
  let endBytes = 0
  const write = async (bytes: Uint8Array, at: number) => void (await file?.write(bytes, 0, bytes.length, at))
  const close = async () => {
    await file?.close()
    file = undefined
  }
  return {
    deflates: [],
    begin: async disk => {
      virtualBytes = disk.virtualBytes
      endBytes = format.frontBytes(virtualBytes)
      file = await open(path, 'w')
    },
    take: async block => {
      await write(block.bytes, endBytes)
      blocks.push(block.startBytes / blockBytes)
      endBytes += blockBytes
    },
    finish: async () => {
      await write(format.front(virtualBytes, blocks), 0)
      await file?.truncate(endBytes)
      await close()
    },
    abort: async () => close().catch(() => {}),
  }
}
