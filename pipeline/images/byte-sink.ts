/** Where an image's bytes go in order: a file, or part of one; what was left open can be patched afterwards. */
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'

export interface ByteSink {
  /** Before anything else. */
  open(): Promise<void>
  /** Bytes taken so far. */
  readonly length: number
  write(parts: readonly Uint8Array[]): Promise<void>
  close(): Promise<void>
  /** Instead of close when anything failed; never rejects. */
  abort(): Promise<void>
}

export interface FileSink extends ByteSink {
  /** Writes over what is there, or into the gap of a `skip`. */
  patch(bytes: Uint8Array, at: number): Promise<void>
  /** Reads back what was written. */
  read(bytes: Uint8Array, at: number): Promise<void>
  /** Leaves a hole; it counts as written. */
  skip(bytes: number): void
}

/** A new file, or an old one overwritten. Errors: the file system's own (ENOSPC). */
export function fileSink(path: string): FileSink {
  let file: FileHandle | undefined
  let length = 0
  const opened = (): FileHandle => {
    if (!file) throw new TypeError(`${path} is not open`)
    return file
  }
  const close = async () => {
    const handle = file
    file = undefined
    await handle?.close()
  }
  return {
    get length() {
      return length
    },
    open: async () => {
      file = await open(path, 'w+')
    },
    write: async parts => {
      const bytes = parts.reduce((sum, part) => sum + part.length, 0)
      await writeWhole(opened(), parts, length)
      length += bytes
    },
    patch: async (bytes, at) => await writeWhole(opened(), [bytes], at),
    read: async (bytes, at) => {
      const { bytesRead } = await opened().read(bytes, 0, bytes.length, at)
      if (bytesRead !== bytes.length) throw new TypeError(`${path} ends before ${at + bytes.length}`)
    },
    skip: bytes => void (length += bytes),
    close: async () => {
      // A hole at the end is part of the file, too.
      const { size } = await opened().stat()
      if (size < length) await opened().truncate(length)
      await close()
    },
    abort: async () => await close().catch(() => {}),
  }
}

/** The kernel may take less than it was given; on a full disk it does so before it says why. */
async function writeWhole(file: FileHandle, parts: readonly Uint8Array[], at: number): Promise<void> {
  const total = parts.reduce((sum, part) => sum + part.length, 0)
  if (total === 0) return
  const { bytesWritten } = await file.writev([...parts], at)
  if (bytesWritten === 0) throw new Error('the file system took no byte and gave no reason')
  if (bytesWritten < total) await writeWhole(file, [Buffer.concat(parts).subarray(bytesWritten)], at + bytesWritten)
}

export interface SizeLimit {
  readonly bytes: number
  /** What is thrown by the write that would go beyond. */
  readonly exceeded: () => Error
}

/** A file that may not grow without end: better no more than half of it than all of it for nothing. */
export function limitedSink(file: FileSink, { bytes, exceeded }: SizeLimit): FileSink {
  return {
    ...file,
    get length() {
      return file.length
    },
    write: async parts => {
      if (file.length + parts.reduce((sum, part) => sum + part.length, 0) > bytes) throw exceeded()
      await file.write(parts)
    },
  }
}
