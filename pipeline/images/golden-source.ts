/** The golden disk as the pass reads it: opened once, held to be the same file from the first byte to the last. */
import { open, stat } from 'node:fs/promises'
import type { BigIntStats } from 'node:fs'
import { goldenDiskChanged, goldenDiskUnsound } from '../errors/images.js'
import { dataExtents } from '../tools/data-extents.js'
import type { Extent } from '../tools/data-extents.js'
import type { Run } from '../tools/command.js'

export interface GoldenSource {
  readonly virtualBytes: number
  /** Ascending, within the disk. */
  readonly extents: readonly Extent[]
  /** Fills `buffer` from this place. Errors: `golden-disk-changed` when the disk ends before. */
  read(buffer: Uint8Array, startBytes: number): Promise<void>
  /** Errors: `golden-disk-changed` (exit 4) when the name leads to another file now, or the file was written to. */
  requireUnchanged(): Promise<void>
  close(): Promise<void>
}

/** Opens a raw disk. Errors: `golden-disk-unsound` (exit 4) for an empty file, those of Run and of the file system. */
export async function openGolden(path: string, run: Run): Promise<GoldenSource> {
  const file = await open(path, 'r')
  try {
    const before = await file.stat({ bigint: true })
    const virtualBytes = Number(before.size)
    // Formats have no word for it: their judges refuse what would be written.
    if (virtualBytes === 0) throw goldenDiskUnsound(path, 'has 0 bytes')
    return {
      virtualBytes,
      extents: within(await dataExtents(path, run), virtualBytes),
      read: async (buffer, startBytes) => {
        for (let done = 0; done < buffer.length; ) {
          const { bytesRead } = await file.read(buffer, done, buffer.length - done, startBytes + done)
          if (bytesRead === 0) throw goldenDiskChanged(path, 'became shorter')
          done += bytesRead
        }
      },
      requireUnchanged: async () => {
        const now = await stat(path, { bigint: true }).catch(() => undefined)
        const change = changeOf(before, now)
        if (change) throw goldenDiskChanged(path, change)
      },
      close: () => file.close(),
    }
  } catch (error) {
    await file.close()
    throw error
  }
}

/** qemu-img counts whole sectors; the last one may reach beyond the file's end. */
function within(extents: readonly Extent[], virtualBytes: number): readonly Extent[] {
  return extents
    .map(({ startBytes, lengthBytes }) => ({ startBytes, lengthBytes: Math.min(lengthBytes, virtualBytes - startBytes) }))
    .filter(({ lengthBytes }) => lengthBytes > 0)
}

function changeOf(before: BigIntStats, now: BigIntStats | undefined): string | undefined {
  if (!now) return 'was removed'
  if (now.ino !== before.ino || now.dev !== before.dev) return 'was replaced'
  if (now.size !== before.size) return now.size < before.size ? 'became shorter' : 'became longer'
  return now.mtimeNs === before.mtimeNs ? undefined : 'was written to'
}
