/** Remembers the serials of documents that were seen, so that nobody can put a reader or a publisher back to an older state. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pointerExpired, seenNotKept, serialLower } from '../errors/fetch.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { withoutCredentials } from '../tools/deb-sources.js'
import type { Renewed } from './documents.js'
import { urlPath } from './tree.js'

export type SeenSerial = Pick<Renewed, 'serial' | 'date'>

type Seen = Readonly<Record<string, SeenSerial>>

/** Errors: `pointer-expired`, `serial-lower` (exit 5), `seen-not-kept` (3). @param url of the document; @param file where serials are kept */
export async function requireNews(document: Renewed, { url, file, now }: { readonly url: string; readonly file: string; readonly now: Date }): Promise<void> {
  if (!(Date.parse(document.expires) > now.getTime())) throw pointerExpired(url, document.expires, now.toISOString())
  const before = (await readSeen(file))[url]?.serial ?? 0
  if (document.serial < before) throw serialLower(url, document.serial, before)
  await remember(file, url, document)
}

/** What a publisher knows of the serials of one tree; they only ever rise. */
export interface Serials {
  /** 0: the document was never seen. @param key inside the tree, without its prefix */
  readonly highest: (key: string) => number
  /** A lower one than is known changes nothing. */
  readonly note: (key: string, seen: SeenSerial) => Promise<void>
}

/** Errors: the file system's own; of `note` `seen-not-kept` (exit 3). @param base address of the tree, ends in a slash; @param file where serials are kept */
export async function openSerials({ base, file }: { readonly base: string; readonly file: string }): Promise<Serials> {
  const known = new Map(Object.entries(await readSeen(file)).map(([url, { serial }]) => [url, serial]))
  const urlOf = (key: string) => `${base}${urlPath(key)}`
  const highest = (key: string) => known.get(urlOf(key)) ?? 0
  let writing = Promise.resolve()
  return {
    highest,
    note: async (key, seen) => {
      if (seen.serial <= highest(key)) return
      known.set(urlOf(key), seen.serial)
      // One after the other: each reads the file that it writes.
      writing = writing.catch(() => {}).then(() => remember(file, urlOf(key), seen))
      await writing
    },
  }
}

async function remember(file: string, url: string, { serial, date }: SeenSerial): Promise<void> {
  try {
    const seen = await readSeen(file)
    if (serial <= (seen[url]?.serial ?? 0)) return
    await mkdir(dirname(file), { recursive: true })
    await writeFileAtomic(file, `${JSON.stringify({ ...seen, [url]: { serial, date } }, null, 2)}\n`)
  } catch (error) {
    throw seenNotKept(file, (error as Error).message)
  }
}

async function readSeen(file: string): Promise<Seen> {
  try {
    return withoutLogins(JSON.parse(await readFile(file, 'utf8')) as Seen)
  } catch (error) {
    // A file that a hand has damaged would lock its owner out; the lowest serial is the price.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' || error instanceof SyntaxError) return {}
    throw error
  }
}

/** Earlier versions kept an address with its password; its serial counts for the address without. */
function withoutLogins(seen: Seen): Seen {
  const kept = new Map<string, Seen[string]>()
  for (const [key, entry] of Object.entries(seen)) {
    const url = withoutCredentials(key)
    if (entry.serial >= (kept.get(url)?.serial ?? 0)) kept.set(url, entry)
  }
  return Object.fromEntries(kept)
}
