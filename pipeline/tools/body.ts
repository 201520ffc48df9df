/** Bodies of uploads: a text, or a slice of a file: held while it is sent, or read twice, once for its digests and once to be sent. */
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { Body } from './s3.js'

const bufferBytes = 1024 * 1024

export function textBody(text: string): Body {
  const bytes = Buffer.from(text, 'utf8')
  const digest = (algorithm: string) => createHash(algorithm).update(bytes).digest('hex')
  return { lengthBytes: bytes.length, sha256: digest('sha256'), md5: digest('md5'), open: () => bytes }
}

export interface Slice {
  readonly path: string
  readonly startBytes: number
  readonly lengthBytes: number
}

/** Holds one MiB at a time, however large the slice. Errors: the file system's own; a slice cut short has other digests. */
export async function sliceBody(slice: Slice, signal: AbortSignal): Promise<Body> {
  const { path, startBytes, lengthBytes } = slice
  const buffer = Buffer.allocUnsafe(Math.min(bufferBytes, Math.max(1, lengthBytes)))
  const { sha256, md5 } = await digestsOf(slice, signal, (_, length) => buffer.subarray(0, length))
  const end = startBytes + lengthBytes - 1
  const send = () => (lengthBytes === 0 ? Buffer.alloc(0) : createReadStream(path, { start: startBytes, end, highWaterMark: bufferBytes / 4 }))
  return { lengthBytes, sha256, md5, open: send }
}

/** Reads the slice once, into `held` of its length, and sends it from there; undefined when the file ends before. Errors: the file system's own. */
export async function heldBody(slice: Slice, held: Buffer, signal: AbortSignal): Promise<Body | undefined> {
  const { readBytes, ...digests } = await digestsOf(slice, signal, (done, length) => held.subarray(done, done + length))
  return readBytes === slice.lengthBytes ? { lengthBytes: slice.lengthBytes, ...digests, open: () => held } : undefined
}

/** @param into where the next bytes are read to, at most one MiB */
async function digestsOf(
  { path, startBytes, lengthBytes }: Slice, signal: AbortSignal, into: (done: number, length: number) => Buffer
): Promise<{ sha256: string; md5: string; readBytes: number }> {
  const [sha256, md5] = [createHash('sha256'), createHash('md5')]
  const file = await open(path, 'r')
  try {
    let done = 0
    while (done < lengthBytes) {
      signal.throwIfAborted()
      const buffer = into(done, Math.min(bufferBytes, lengthBytes - done))
      const { bytesRead } = await file.read(buffer, 0, buffer.length, startBytes + done)
      if (bytesRead === 0) break
      const bytes = buffer.subarray(0, bytesRead)
      sha256.update(bytes)
      md5.update(bytes)
      done += bytesRead
    }
    return { sha256: sha256.digest('hex'), md5: md5.digest('hex'), readBytes: done }
  } finally {
    await file.close()
  }
}
