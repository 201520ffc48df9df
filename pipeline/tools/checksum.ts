/** SHA-256 of files, streamed. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'

const chunkBytes = 4 * 1024 * 1024

/** Lower-case hex digest of a file's content. Errors: the file system's own (ENOENT, EACCES). */
export async function sha256File(path: string, signal?: AbortSignal): Promise<string> {
  const hash = createHash('sha256')
  const input = createReadStream(path, { highWaterMark: chunkBytes })
  await pipeline(input, hash, signal ? { signal } : {})
  return hash.digest('hex')
}
