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

const blockBytes = 512

/** Bytes that a file takes on its disk: those of a sparse file without its holes. Errors: the file system's own. */
export async function allocatedBytes(path: string): Promise<number> {
  return (await stat(path)).blocks * blockBytes
}
