/** Tells whether a file is still the one that was looked at: by size, inode, mtime and ctime. */
import { stat } from 'node:fs/promises'

/** `size-inode-mtime-ctime`, times in nanoseconds. Nobody can set a ctime back, so a changed file shows. */
export type FileIdentity = string

/** Errors: the file system's own. */
export async function identityOf(path: string): Promise<FileIdentity> {
  const { size, ino, mtimeNs, ctimeNs } = await stat(path, { bigint: true })
  return [size, ino, mtimeNs, ctimeNs].join('-')
}
