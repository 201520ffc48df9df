/**
 * Image formats that are one table in front and the disk's blocks behind it, in order and without those of zeros. The
 * table's length is known at once, its content when the last block has come.
 */
import { fileSink } from './byte-sink.js'
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
  const file = fileSink(path)
  const blocks: number[] = []
  let virtualBytes = 0
  return {
    deflates: [],
    begin: async disk => {
      virtualBytes = disk.virtualBytes
      await file.open()
      file.skip(format.frontBytes(virtualBytes))
    },
    take: async block => {
      blocks.push(block.startBytes / blockBytes)
      await file.write([block.bytes])
    },
    finish: async () => {
      await file.patch(format.front(virtualBytes, blocks), 0)
      await file.close()
    },
    abort: () => file.abort(),
  }
}
