/** Writes an OVA in one go: descriptor first, the disk streamed behind it, then the manifest of digests. */
import { createHash } from 'node:crypto'
import { streamVmdk } from './stream-vmdk.js'
import type { StreamVmdkFacts, StreamVmdkOptions } from './stream-vmdk.js'
import { tarDiskSink } from './tar-disk.js'
import type { ImageWriter } from './types.js'

export interface OvaOptions {
  readonly path: string
  /** Of descriptor and manifest, without their endings. */
  readonly name: string
  readonly disk: Omit<StreamVmdkOptions, 'sink'>
  readonly manifest: 'sha256' | 'sha1' | 'none'
  readonly sourceDateEpoch: number
  /** The .ovf for a disk like this; called twice, and the numbers may make its text longer or shorter. */
  readonly descriptor: (disk: StreamVmdkFacts) => Promise<string>
}

export function ovaWriter(options: OvaOptions): ImageWriter {
  const { path, name, manifest, sourceDateEpoch } = options
  const ovf = `${name}.ovf`
  const digest = manifest === 'none' ? 'sha256' : manifest
  let reserved = 0
  const sink = tarDiskSink({
    path,
    diskName: options.disk.fileName,
    digest,
    sourceDateEpoch,
    front: async () => {
      const { capacityBytes } = disk.facts()
      // The widest numbers that can come: the disk full of data, and that not compressible.
      const widest = { capacityBytes, populatedBytes: capacityBytes, fileBytes: 2 * capacityBytes }
      reserved = Buffer.byteLength(await options.descriptor(widest)) + spareBytes
      return [{ name: ovf, bytes: reserved }]
    },
    complete: async written => {
      const text = padded(await options.descriptor({ ...disk.facts(), fileBytes: written.bytes }), reserved)
      const lines = [
        manifestLine(digest, ovf, createHash(digest).update(text).digest('hex')),
        manifestLine(digest, options.disk.fileName, written.digest),
      ]
      return { front: [text], behind: manifest === 'none' ? [] : [{ name: `${name}.mf`, content: lines.join('') }] }
    },
  })
  const disk = streamVmdk({ ...options.disk, sink })
  return disk
}

/** For numbers that came out wider after all (a disk of 0 bytes has a header, too). */
const spareBytes = 64

/** White space behind the root element is part of no value. */
function padded(text: string, bytes: number): Buffer {
  const content = Buffer.alloc(bytes, ' ')
  if (Buffer.byteLength(text) >= bytes) throw new TypeError('the descriptor outgrew the place left for it')
  content.write(text, 'utf8')
  content.write('\n', bytes - 1)
  return content
}

/** No space before the bracket: VMware's readers take it for part of the algorithm's name. */
function manifestLine(digest: 'sha256' | 'sha1', file: string, hex: string): string {
  return `${digest.toUpperCase()}(${file})= ${hex}\n`
}
