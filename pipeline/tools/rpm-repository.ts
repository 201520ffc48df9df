/** Reads an RPM repository's index: repomd.xml, and in its list of packages what a name could be installed from. */
import { createHash } from 'node:crypto'
import { gunzipSync } from 'node:zlib'

export interface Repomd {
  /** When the repository was made, seconds since 1970; 0 where it does not say. */
  readonly revision: number
  /** The list of packages. */
  readonly primary: { readonly path: string; readonly algorithm: string; readonly digest: string } | undefined
}

/** By string search: the document is machine-made, small, and its digest or its host is what is trusted. Pure. */
export function parseRepomd(text: string): Repomd {
  const data = /<data type="primary">([\s\S]*?)<\/data>/.exec(text)?.[1] ?? ''
  const [, algorithm, digest] = /<checksum type="(\w+)">\s*([0-9a-f]+)\s*<\/checksum>/.exec(data) ?? []
  const path = /<location href="([^"]+)"/.exec(data)?.[1]
  const times = [...text.matchAll(/<(?:revision|timestamp)>(\d+)(?:\.\d+)?</g)].map(([, seconds]) => Number(seconds))
  // A revision may be any number; only one that can be a time is taken for one.
  const revision = Math.max(0, ...times.filter(seconds => seconds > 1e9 && seconds < 4e9))
  const primary = path && algorithm && digest ? { path, algorithm: algorithm === 'sha' ? 'sha1' : algorithm, digest } : undefined
  return { revision, primary }
}

export function digestOf(bytes: Uint8Array, algorithm: string): string {
  return createHash(algorithm).update(bytes).digest('hex')
}

/** Whether this program can read a list of this name without another one's help. */
export function readsList(path: string): boolean {
  return /\.xml(?:\.gz)?$/.test(path)
}

/** Names of packages, what they provide, and the files of them that the list names. Throws on a list that is damaged. */
export function installable(list: Buffer, path: string): ReadonlySet<string> {
  const text = (path.endsWith('.gz') ? gunzipSync(list) : list).toString('utf8')
  const names = [...text.matchAll(/<name>([^<]+)<\/name>/g)].map(([, name = '']) => name)
  const provided = [...text.matchAll(/<rpm:provides>([\s\S]*?)<\/rpm:provides>/g)].flatMap(([, block = '']) =>
    [...block.matchAll(/<rpm:entry [^>]*?\bname="([^"]+)"/g)].map(([, name = '']) => name)
  )
  const files = [...text.matchAll(/<file[^>]*>([^<]+)<\/file>/g)].map(([, name = '']) => name)
  return new Set([...names, ...provided, ...files])
}
