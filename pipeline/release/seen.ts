/** Remembers the serials of documents that were seen, so that nobody can put a reader back to an older state. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { pointerExpired, serialLower } from '../errors/fetch.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { withoutCredentials } from '../tools/deb-sources.js'
import type { Renewed } from './documents.js'

type Seen = Readonly<Record<string, { readonly serial: number; readonly date: string }>>

/** Errors: `pointer-expired`, `serial-lower` (exit 5). @param url of the document; @param file where serials are kept */
export async function requireNews(document: Renewed, { url, file, now }: { readonly url: string; readonly file: string; readonly now: Date }): Promise<void> {
  if (!(Date.parse(document.expires) > now.getTime())) throw pointerExpired(url, document.expires, now.toISOString())
  const seen = await readSeen(file)
  const before = seen[url]?.serial ?? 0
  if (document.serial < before) throw serialLower(url, document.serial, before)
  if (document.serial === before) return
  const { serial, date } = document
  await mkdir(dirname(file), { recursive: true })
  await writeFileAtomic(file, `${JSON.stringify({ ...seen, [url]: { serial, date } }, null, 2)}\n`)
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
