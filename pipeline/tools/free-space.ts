/** How much room a folder's disk has, and how much of it a file takes. */
import { stat, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Bytes an ordinary user may still write below `directory`, which need not exist yet. Errors: the file system's own. */
export async function freeBytes(directory: string): Promise<number> {
  try {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  } catch (error) {
    const parent = dirname(directory)
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === directory) throw error
    return freeBytes(parent)
  }
}

/** A disk with less free counts as full: what is written in larger pieces finds no room any more. */
export const nearlyFullBytes = 256 * 1024 * 1024

const lookEveryMs = 1000

/**
 * Looks at a folder's disk again and again. The function ends that, and tells the least that was free, bytes: a program
 * that fails for want of room often removes what it wrote before it says so.
 */
export function watchFreeBytes(directory: string): () => Promise<number> {
  let least = Infinity
  const look = async () => {
    least = Math.min(least, await freeBytes(directory).catch(() => Infinity))
  }
  const timer = setInterval(() => void look(), lookEveryMs)
  return async () => {
    clearInterval(timer)
    await look()
    return least
  }
}

const blockBytes = 512

/** Bytes that a file takes on its disk: those of a sparse file without its holes. Errors: the file system's own. */
export async function allocatedBytes(path: string): Promise<number> {
  return (await stat(path)).blocks * blockBytes
}
