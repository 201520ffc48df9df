/**
 * A tar file around a disk image that is written straight into it: files whose text depends on the disk lie in front,
 * in space that was left for them, and are filled in when the disk is complete; others follow it.
 */
import { createHash } from 'node:crypto'
import { imageTooLarge } from '../errors/images.js'
import { tarBlockBytes } from '../tools/tar-members.js'
import { fileSink } from './byte-sink.js'
import type { ByteSink, SizeLimit } from './byte-sink.js'
import { tarHeader, tarMemberLimitBytes, tarPadding, tarTrailer } from './ustar.js'

/** A place that is left for a file. */
export interface TarMember {
  readonly name: string
  readonly bytes: number
}

export interface TarFile {
  readonly name: string
  readonly content: string | Uint8Array
}

export interface WrittenDisk {
  readonly bytes: number
  /** Lower-case hex. */
  readonly digest: string
}

export interface TarDiskOptions {
  readonly path: string
  /** The disk's name in the archive. */
  readonly diskName: string
  readonly digest: 'sha256' | 'sha1'
  readonly sourceDateEpoch: number
  /** Asked when the sink is opened: members in front and how many bytes each gets. */
  readonly front: () => Promise<readonly TarMember[]>
  /** Asked when the disk is complete: the contents of `front`, of exactly those sizes, and what comes behind the disk. */
  readonly complete: (disk: WrittenDisk) => Promise<{ readonly front: readonly Uint8Array[]; readonly behind: readonly TarFile[] }>
}

/** Of a member: readers of OVAs and boxes know no larger sizes. */
export function tarLimit(name: string): SizeLimit {
  return { bytes: tarMemberLimitBytes, exceeded: () => imageTooLarge(name, 'a file in an OVA or tar', '8 GiB') }
}

/** The disk's bytes go to this sink. Errors: `image-too-large` for a disk of 8 GiB or more, those of the file system. */
export function tarDiskSink(options: TarDiskOptions): ByteSink {
  const { path, diskName, digest, sourceDateEpoch } = options
  const file = fileSink(path)
  const hash = createHash(digest)
  const limit = tarLimit(diskName)
  let front: readonly TarMember[] = []
  let length = 0
  const header = ({ name, bytes }: TarMember) => tarHeader(name, bytes, { modifiedEpoch: sourceDateEpoch })
  const add = async ({ name, content }: TarFile) => {
    const bytes = Buffer.from(content)
    await file.write([header({ name, bytes: bytes.length }), bytes, tarPadding(bytes.length)])
  }
  return {
    get length() {
      return length
    },
    open: async () => {
      front = await options.front()
      await file.open()
      for (const member of front) await file.write([header(member), Buffer.alloc(member.bytes), tarPadding(member.bytes)])
      await file.write([header({ name: diskName, bytes: 0 })])
    },
    write: async parts => {
      for (const part of parts) {
        hash.update(part)
        length += part.length
      }
      // Known here at the earliest (what a disk is packed to, nobody knows before), and worth no gigabyte more.
      if (length > limit.bytes) throw limit.exceeded()
      await file.write(parts)
    },
    close: async () => {
      await file.write([tarPadding(length)])
      const made = await options.complete({ bytes: length, digest: hash.digest('hex') })
      let at = 0
      for (const [number, { name, bytes }] of front.entries()) {
        const content = made.front[number]
        if (content?.length !== bytes) throw new TypeError(`${name} has ${content?.length} bytes, its place in ${path} has ${bytes}`)
        await file.patch(content, at + tarBlockBytes)
        at += tarBlockBytes + bytes + tarPadding(bytes).length
      }
      await file.patch(header({ name: diskName, bytes: length }), at)
      for (const each of made.behind) await add(each)
      await file.write([tarTrailer])
      await file.close()
    },
    abort: () => file.abort(),
  }
}
