/** What a browser is told of each object: type, whether to save it, how long it may be kept. Pure. */
import { basename, extname } from 'node:path/posix'

const text = 'text/plain; charset=utf-8'

/** By the end of the name; what is not here is a file to save. */
const mediaTypes: Readonly<Record<string, string>> = {
  '.json': 'application/json', '.html': 'text/html; charset=utf-8', '.md': 'text/markdown; charset=utf-8',
  '.txt': text, '.sh': text, '.ps1': text, '.sig': text, '.asc': text, '.cfg': text, '.xl': text, '.vmx': text,
  '.xml': 'application/xml', '.ovf': 'application/xml', '.mf': text,
  '.qcow2': 'application/x-qemu-disk', '.vmdk': 'application/x-vmdk', '.vhdx': 'application/x-vhdx', '.vhd': 'application/x-vhd',
  '.vdi': 'application/x-virtualbox-vdi', '.ova': 'application/x-virtualbox-ova', '.box': 'application/gzip',
  '.gz': 'application/gzip', '.zst': 'application/zstd', '.xz': 'application/x-xz', '.zip': 'application/zip', '.tar': 'application/x-tar',
}

export function mediaTypeOf(path: string): string {
  const name = basename(path)
  if (name === 'SHA256SUMS') return text
  if (name === 'sbom.cdx.json') return 'application/vnd.cyclonedx+json'
  if (name === 'provenance.json') return 'application/vnd.in-toto+json'
  return mediaTypes[extname(name).toLowerCase()] ?? 'application/octet-stream'
}

export interface Shown {
  readonly contentType: string
  readonly cacheControl: string
  readonly contentDisposition?: string
}

/** A file of a release: it never changes under its name. */
export function releaseHeaders(path: string): Shown {
  const contentType = mediaTypeOf(path)
  const read = /^text\/(plain|markdown|html)|json|^application\/xml/.test(contentType) && !/\.(sh|ps1)$/.test(path)
  return {
    contentType,
    cacheControl: 'public, max-age=31536000, immutable',
    ...(read ? {} : { contentDisposition: attachment(basename(path)) }),
  }
}

/** A document, page or catalog that changes in its place: always asked for anew. */
export function changingHeaders(key: string): Shown {
  return { contentType: mediaTypeOf(key), cacheControl: 'no-cache' }
}

/** https://www.rfc-editor.org/rfc/rfc6266: a plain name for old programs, the true one in UTF-8. */
function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_')
  const encoded = encodeURIComponent(name).replace(/['()*]/g, letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
  return plain === name ? `attachment; filename="${plain}"` : `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`
}
