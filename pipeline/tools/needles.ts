/** Searches large amounts of bytes for many secrets at once, in the forms in which they may have been written down. */
import { open } from 'node:fs/promises'
import { needleTooShort } from '../errors/audit.js'
import type { Extent } from './data-extents.js'

/** A string that must not be found. */
export interface Needle {
  /** How reports name it; its value is never shown. */
  readonly name: string
  readonly value: string
  /** A word that the world may know, like a host's name: files of packages may have it, and it is no secret there. */
  readonly mayBePackaged?: true
}

export interface NeedleForm extends Pick<Needle, 'name' | 'mayBePackaged'> {
  readonly bytes: Buffer
}

export interface Hit extends Pick<Needle, 'name' | 'mayBePackaged'> {
  readonly offsetBytes: number
}

/** Shorter secrets would be found by chance; also the least length of a form. */
export const leastNeedleLength = 6

/** Each needle as it is, url-encoded, in base64 at each alignment, in hex and in UTF-16. Errors: `needle-too-short` (exit 2). */
export function needleForms(needles: readonly Needle[]): readonly NeedleForm[] {
  return needles.flatMap(needle => {
    if (needle.value.length < leastNeedleLength) throw needleTooShort(needle.name, leastNeedleLength)
    const plain = Buffer.from(needle.value)
    const url = encodeURIComponent(needle.value)
    const forms = [
      { name: needle.name, bytes: plain },
      ...(url === needle.value ? [] : [{ name: `${needle.name} (url-encoded)`, bytes: Buffer.from(url) }]),
      ...base64Cores(plain).map(core => ({ name: `${needle.name} (base64)`, bytes: core })),
      { name: `${needle.name} (hex)`, bytes: Buffer.from(plain.toString('hex')) },
      { name: `${needle.name} (UTF-16)`, bytes: Buffer.from(needle.value, 'utf16le') },
    ]
    const mark = needle.mayBePackaged ? { mayBePackaged: true as const } : {}
    return forms.filter(form => form.bytes.length >= leastNeedleLength).map(form => ({ ...form, ...mark }))
  })
}

/** The part of the base64 text that does not depend on what stands before and after, for each of three alignments. */
function base64Cores(plain: Buffer): Buffer[] {
  return [0, 1, 2].map(before => {
    const text = Buffer.concat([Buffer.alloc(before), plain]).toString('base64').replace(/=+$/, '')
    const first = Math.ceil((before * 8) / 6)
    const last = Math.floor(((before + plain.length) * 8) / 6)
    return Buffer.from(text.slice(first, last))
  })
}

type Searcher = (bytes: Buffer, found: (form: NeedleForm, index: number) => void) => void

/**
 * Wu and Manber's search: looks at pairs of bytes from the end of a window as long as the shortest form, and moves
 * on by as much as the pair allows. About 1 GB in a second, however many forms there are.
 */
export function createSearcher(forms: readonly NeedleForm[]): Searcher {
  const least = Math.min(...forms.map(form => form.bytes.length))
  const shifts = new Uint16Array(65536).fill(least - 1)
  const ending = new Map<number, NeedleForm[]>()
  const pairAt = (bytes: Buffer, index: number) => ((bytes[index] ?? 0) << 8) | (bytes[index + 1] ?? 0)
  for (const form of forms) {
    for (let index = 0; index < least - 1; index++) {
      const pair = pairAt(form.bytes, index)
      shifts[pair] = Math.min(shifts[pair] ?? 0, least - 2 - index)
    }
    const last = pairAt(form.bytes, least - 2)
    ending.set(last, [...(ending.get(last) ?? []), form])
  }
  return (bytes, found) => {
    let index = least - 2
    while (index < bytes.length - 1) {
      const pair = ((bytes[index] as number) << 8) | (bytes[index + 1] as number)
      const shift = shifts[pair] as number
      if (shift > 0) {
        index += shift
        continue
      }
      const start = index - least + 2
      for (const form of ending.get(pair) ?? []) {
        const end = start + form.bytes.length
        // A longer form than the window may run over the end of these bytes.
        if (end <= bytes.length && bytes.compare(form.bytes, 0, form.bytes.length, start, end) === 0) found(form, start)
      }
      index++
    }
  }
}

const chunkBytes = 4 * 1024 * 1024

/** Searches these parts of a file. Every form is reported at most five times; each time one that may be packaged. */
export async function searchFile(path: string, extents: readonly Extent[], forms: readonly NeedleForm[]): Promise<Hit[]> {
  if (forms.length === 0) return []
  const search = createSearcher(forms)
  const overlap = Math.max(...forms.map(form => form.bytes.length)) - 1
  const hits: Hit[] = []
  const buffer = Buffer.allocUnsafe(chunkBytes + overlap)
  const file = await open(path, 'r')
  try {
    for (const { startBytes, lengthBytes } of extents) {
      for (let at = startBytes; at < startBytes + lengthBytes; at += chunkBytes) {
        const wanted = Math.min(chunkBytes + overlap, startBytes + lengthBytes - at)
        const { bytesRead } = await file.read(buffer, 0, wanted, at)
        search(buffer.subarray(0, bytesRead), (form, index) => {
          // What starts in the overlap is found again at the start of the next chunk.
          if (index >= chunkBytes) return
          hits.push({ name: form.name, ...(form.mayBePackaged ? { mayBePackaged: true } : {}), offsetBytes: at + index })
        })
      }
    }
  } finally {
    await file.close()
  }
  // Those in packages come off before they are counted: they would hide the ones behind them.
  return firstOfEach(hits, hit => hit.mayBePackaged !== true)
}

const reportedHits = 5

/** At most five of each name; those that are not counted all stay. @param counted @default every one */
export function firstOfEach(hits: readonly Hit[], counted: (hit: Hit) => boolean = () => true): Hit[] {
  const counts = new Map<string, number>()
  return hits.filter(hit => {
    const { name } = hit
    if (!counted(hit)) return true
    const count = (counts.get(name) ?? 0) + 1
    counts.set(name, count)
    return count <= reportedHits
  })
}
