/** Reads an initramfs where it lies: plain cpio archives first, then a compressed one, as Debian and Ubuntu write them. */
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
import { createReadStream, createWriteStream } from 'node:fs'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { pipeline } from 'node:stream/promises'
import type { Run } from './command.js'
import { readBytes } from './read-bytes.js'

/** Part of a file. */
export interface FilePart {
  readonly path: string
  readonly startBytes: number
  readonly lengthBytes: number
}

export interface Initramfs {
  /** Paths of all archives, without a leading slash. */
  readonly names: readonly string[]
  /** Where the archives lie, uncompressed. */
  readonly archives: readonly FilePart[]
  /** Content of the last file of this name, as the kernel would see it; undefined when there is none. */
  read(name: string): Promise<Buffer | undefined>
}

const headerBytes = 110
const magic = /^07070[12]$/
/** A name is read together with its header; the kernel's longest is PATH_MAX. */
const longestNameBytes = 4096

/**
 * @param path the file as it lies in /boot
 * @param scratch path (without a file there) for temporary files, which must stay as long as the result is used
 * Errors: those of Run and of the file system.
 */
export async function readInitramfs(path: string, scratch: string, run: Run): Promise<Initramfs> {
  const archives: FilePart[] = []
  const files = new Map<string, FilePart>()
  const note = (archive: Archive) => {
    archives.push(archive.part)
    for (const [name, part] of archive.files) files.set(name, part)
  }
  const file = await open(path)
  try {
    const { size } = await file.stat()
    for (let at = await behindZeros(file, 0, size); at < size; ) {
      if (!magic.test((await readBytes(file, at, 6)).toString('latin1'))) {
        note(await readCompressed({ path, at }, scratch, run))
        break
      }
      const archive = await readArchive(file, path, at)
      note(archive)
      at = await behindZeros(file, at + archive.part.lengthBytes, size)
    }
  } finally {
    await file.close()
  }
  return { names: [...files.keys()], archives, read: name => readPart(files.get(name)) }
}

/** The kernel passes over zeros between archives. */
async function behindZeros(file: FileHandle, from: number, size: number): Promise<number> {
  for (let at = from; at < size; ) {
    const bytes = await readBytes(file, at, longestNameBytes)
    const found = bytes.findIndex(byte => byte !== 0)
    if (found >= 0) return at + found
    at += bytes.length
  }
  return size
}

/** zstd also reads gzip, xz, lzma and lz4, and knows them by their first bytes. */
async function readCompressed({ path, at }: { path: string; at: number }, scratch: string, run: Run): Promise<Archive> {
  const [packed, plain] = [`${scratch}.packed`, `${scratch}.plain`]
  await pipeline(createReadStream(path, { start: at }), createWriteStream(packed))
  await run(['zstd', '-d', '-q', '-f', '--rm', '-o', plain, packed], { reason: 'unpack the initramfs' })
  const file = await open(plain)
  return await readArchive(file, plain, 0).finally(() => file.close())
}

interface Archive {
  readonly part: FilePart
  readonly files: ReadonlyMap<string, FilePart>
}

/** One archive of the "newc" form, up to its trailer. */
async function readArchive(file: FileHandle, path: string, from: number): Promise<Archive> {
  const files = new Map<string, FilePart>()
  const { size } = await file.stat()
  let at = from
  while (at + headerBytes <= size) {
    const head = await readBytes(file, at, headerBytes + longestNameBytes)
    if (!magic.test(head.toString('latin1', 0, 6))) break
    const field = (index: number) => Number.parseInt(head.toString('latin1', 6 + index * 8, 14 + index * 8), 16)
    const [fileBytes, nameBytes] = [field(6), field(11)]
    const name = head.toString('utf8', headerBytes, headerBytes + nameBytes - 1)
    // Padding counts from the archive's beginning.
    const startBytes = from + pad(at - from + headerBytes + nameBytes)
    at = startBytes + pad(fileBytes)
    if (name === 'TRAILER!!!') break
    files.set(name, { path, startBytes, lengthBytes: fileBytes })
  }
  return { part: { path, startBytes: from, lengthBytes: Math.min(at, size) - from }, files }
}

function pad(bytes: number): number {
  return Math.ceil(bytes / 4) * 4
}

async function readPart(part: FilePart | undefined): Promise<Buffer | undefined> {
  if (!part) return undefined
  const file = await open(part.path)
  return await readBytes(file, part.startBytes, part.lengthBytes).finally(() => file.close())
}
