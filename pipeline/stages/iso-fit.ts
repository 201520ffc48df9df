/** Whether an installer fits on its medium: asked as early as something is known of its size, and of the whole ISO at the end. */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isoTooLarge, isoWillNotFit } from '../errors/iso.js'

const bytesPerMib = 2 ** 20

/** No installer of a golden disk is smaller: a kernel with its initramfs, and the packed disk of the smallest system. */
export const leastDiskInstallerBytes = 128 * bytesPerMib

/** Before the ISO is written. @param leastBytes what will be on it at least. Errors: `iso-will-not-fit` (exit 2). */
export function requireRoom(leastBytes: number, limitMib: number | undefined): void {
  const mib = Math.ceil(leastBytes / bytesPerMib)
  if (limitMib !== undefined && mib > limitMib) throw isoWillNotFit(mib, limitMib)
}

/** As requireRoom, for files and folders that will be on it. */
export async function requireRoomFor(paths: readonly string[], limitMib: number | undefined): Promise<void> {
  const sizes = await Promise.all(paths.map(sizeOf))
  requireRoom(sizes.reduce((sum, size) => sum + size, 0), limitMib)
}

/** Errors: `iso-too-large` (exit 4). */
export async function requireFit(iso: string, limitMib: number | undefined): Promise<void> {
  const mib = Math.ceil((await stat(iso)).size / bytesPerMib)
  if (limitMib !== undefined && mib > limitMib) throw isoTooLarge(mib, limitMib)
}

/** Bytes of a file, or of all files below a folder. */
async function sizeOf(path: string): Promise<number> {
  const found = await stat(path)
  if (!found.isDirectory()) return found.size
  const sizes = await Promise.all((await readdir(path)).map(name => sizeOf(join(path, name))))
  return sizes.reduce((sum, size) => sum + size, 0)
}
