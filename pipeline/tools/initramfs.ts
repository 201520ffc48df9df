/** Unpacks an initramfs: plain cpio archives first, then a compressed one, as Debian and Ubuntu write them. */
// https://docs.kernel.org/driver-api/early-userspace/buffer-format.html
import { readFile, writeFile } from 'node:fs/promises'
import type { Run } from './command.js'

export interface Initramfs {
  /** Paths of all archives, without a leading slash. */
  readonly names: readonly string[]
  /** The archives' bytes, uncompressed. */
  readonly archives: readonly Buffer[]
  /** Content of the last file of this name, as the kernel would see it; undefined when there is none. */
  read(name: string): Buffer | undefined
}

const headerBytes = 110
const magic = /^07070[12]$/

/** @param scratch path (without a file there) for two temporary files. Errors: those of Run. */
export async function readInitramfs(content: Buffer, scratch: string, run: Run): Promise<Initramfs> {
  const archives: Buffer[] = []
  const files = new Map<string, Buffer>()
  let offset = 0
  while (offset < content.length) {
    if (content[offset] === 0) {
      offset++
      continue
    }
    const rest = content.subarray(offset)
    const plain = magic.test(rest.toString('latin1', 0, 6)) ? rest : await decompress(rest, scratch, run)
    const archive = readArchive(plain)
    archives.push(plain.subarray(0, archive.endBytes))
    for (const [name, bytes] of archive.files) files.set(name, bytes)
    if (plain !== rest) break
    offset += archive.endBytes
  }
  return { names: [...files.keys()], archives, read: name => files.get(name) }
}

/** zstd also reads gzip, xz, lzma and lz4, and knows them by their first bytes. */
async function decompress(content: Buffer, scratch: string, run: Run): Promise<Buffer> {
  const [packed, plain] = [`${scratch}.packed`, `${scratch}.plain`]
  await writeFile(packed, content)
  await run(['zstd', '-d', '-q', '-f', '-o', plain, packed], { reason: 'unpack the initramfs' })
  return readFile(plain)
}

/** One archive of the "newc" form, up to its trailer. */
function readArchive(bytes: Buffer): { files: ReadonlyMap<string, Buffer>; endBytes: number } {
  const files = new Map<string, Buffer>()
  let offset = 0
  while (offset + headerBytes <= bytes.length && magic.test(bytes.toString('latin1', offset, offset + 6))) {
    const field = (index: number) => Number.parseInt(bytes.toString('latin1', offset + 6 + index * 8, offset + 14 + index * 8), 16)
    const [fileBytes, nameBytes] = [field(6), field(11)]
    const nameStart = offset + headerBytes
    const name = bytes.toString('utf8', nameStart, nameStart + nameBytes - 1)
    const start = pad(nameStart + nameBytes)
    offset = start + pad(fileBytes)
    if (name === 'TRAILER!!!') break
    files.set(name, bytes.subarray(start, start + fileBytes))
  }
  return { files, endBytes: Math.min(offset, bytes.length) }
}

function pad(bytes: number): number {
  return Math.ceil(bytes / 4) * 4
}
