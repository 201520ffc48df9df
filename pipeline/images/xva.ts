/** XVA of XCP-ng and XenServer: a tar of ova.xml and of 1 MiB blocks, each with its SHA-1; those of zeros are left out. */
// https://github.com/xapi-project/xen-api/blob/master/ocaml/xapi/stream_vdi.ml
import { createHash } from 'node:crypto'
import { fileSink } from './byte-sink.js'
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
  const file = fileSink(path)
  let virtualBytes = 0
  let next = 0
  const chunk = async (index: number, bytes: Uint8Array) => {
    const name = `${disk}/${String(index).padStart(8, '0')}`
    await file.write([...tarMember(name, bytes), ...tarMember(`${name}.checksum`, Buffer.from(sha1(bytes)))])
    next = index + 1
  }
  // The first and the last block are always there: the importer takes the disk's unit and end from them.
  const zeros = (index: number) => chunk(index, Buffer.alloc(Math.min(blockBytes, virtualBytes - index * blockBytes)))
  return {
    deflates: [],
    begin: async pass => {
      virtualBytes = pass.virtualBytes
      await file.open()
      await file.write(tarMember('ova.xml', Buffer.from(ovaXml)))
    },
    take: async block => {
      if (next === 0 && block.startBytes > 0) await zeros(0)
      await chunk(block.startBytes / blockBytes, block.bytes.subarray(0, block.lengthBytes))
    },
    finish: async () => {
      const last = Math.ceil(virtualBytes / blockBytes) - 1
      if (next === 0 && last > 0) await zeros(0)
      if (next <= last) await zeros(last)
      await file.write([tarTrailer])
      await file.close()
    },
    abort: () => file.abort(),
  }
}

function tarMember(name: string, bytes: Uint8Array): readonly Uint8Array[] {
  return [tarHeader(name, bytes.length), bytes, tarPadding(bytes.length)]
}

function sha1(bytes: Uint8Array): string {
  return createHash('sha1').update(bytes).digest('hex')
}
