/** A file that bears its final name is whole: written under a temporary name beside it, synced, renamed. */
import { open, readFile, readdir, rename, rm } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'

/** Errors: the file system's own (ENOSPC, EACCES); the temporary file is gone then and the old file untouched. */
export async function writeFileAtomic(path: string, content: string | Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.tmp-${process.pid}`)
  try {
    const file = await open(temporary, 'w')
    try {
      await file.writeFile(content)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** As writeFileAtomic, but leaves a file alone that says just that: its time then tells when it last changed. */
export async function writeFileIfChanged(path: string, content: string): Promise<void> {
  const found = await readFile(path, 'utf8').catch(() => undefined)
  if (found !== content) await writeFileAtomic(path, content)
}

/** Waits until a file's content, or a folder's list of names, is on the disk. Errors: the file system's own. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** As syncFile, for everything below a folder and the folder itself. */
export async function syncTree(directory: string): Promise<void> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter(entry => entry.isFile() || entry.isDirectory())
    .map(entry => join(entry.parentPath, entry.name))
  for (const path of [...paths, directory]) await syncFile(path)
}
