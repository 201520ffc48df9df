/** XVA of XCP-ng and XenServer: a tar of ova.xml and of 1 MiB blocks, each with its SHA-1; those of zeros are left out. */
// https://github.com/xapi-project/xen-api/blob/master/ocaml/xapi/stream_vdi.ml
import { createHash } from 'node:crypto'
import { open } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { blockBytes } from './types.js'
import type { ImageWriter } from './types.js'
import { tarHeader, tarPadding, tarTrailer } from './ustar.js'

export interface XvaFile {
  readonly path: string
  /** Content of ova.xml, which comes first. */
  readonly ovaXml: string
  /** Reference of the disk in ova.xml: the folder of its blocks. */
  readonly disk: string
}

/** Errors: the file system's own. */
export function xvaFile({ path, ovaXml, disk }: XvaFile): ImageWriter {
  let file: FileHandle | undefined
  let virtualBytes = 0
  let next = 0
  const append = async (...parts: readonly Uint8Array[]) => void (await file?.writev(parts))
  const chunk = async (index: number, bytes: Uint8Array) => {
    const name = `${disk}/${String(index).padStart(8, '0')}`
    await append(...tarMember(name, bytes), ...tarMember(`${name}.checksum`, Buffer.from(sha1(bytes))))
    next = index + 1
  }
  // The first and the last block are always there: the importer takes the disk's unit and end from them.
  const zeros = (index: number) => chunk(index, Buffer.alloc(Math.min(blockBytes, virtualBytes - index * blockBytes)))
  const close = async () => {
    await file?.close()
    file = undefined
  }
  return {
    deflates: [],
    begin: async pass => {
      virtualBytes = pass.virtualBytes
      file = await open(path, 'w')
      await append(...tarMember('ova.xml', Buffer.from(ovaXml)))
    },
    take: async block => {
      if (next === 0 && block.startBytes > 0) await zeros(0)
      await chunk(block.startBytes / blockBytes, block.bytes.subarray(0, block.lengthBytes))
    },
    finish: async () => {
      const last = Math.ceil(virtualBytes / blockBytes) - 1
      if (next === 0 && last > 0) await zeros(0)
      if (next <= last) await zeros(last)
      await append(tarTrailer)
      await close()
    },
    abort: async () => close().catch(() => {}),
  }
}

function tarMember(name: string, bytes: Uint8Array): readonly Uint8Array[] {
  return [tarHeader(name, bytes.length), bytes, tarPadding(bytes.length)]
}

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex')
}
