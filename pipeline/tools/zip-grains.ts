/**
 * The grains of disks in our own zips: a deflate stream in which each grain of 64 KiB stands by itself and ends in a
 * flush (pipeline/images/zip-vmdk.ts, zip-fronted.ts). The zips of others have none, and are left as they are.
 * https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT
 */
import type { FileHandle } from 'node:fs/promises'
import { readBytes } from './read-bytes.js'
import { inflateFlushed, segmentBytes } from './segment-bytes.js'
import type { ReadSegment } from './segment-bytes.js'

interface DeflatedEntry {
  /** Of the stream, in the file. */
  readonly offsetBytes: number
  readonly lengthBytes: number
}

const localSignature = 0x04034b50
const fixedBytes = 30
const deflated = 8
/** Sizes come behind the content then. */
const streamedFlag = 1 << 3
const limit32 = 0xffff_ffff
const largeExtra = 1

/** In the order of the file; empty when it is no zip, or one that was written to a pipe. Errors: the file system's own. */
export async function deflatedEntries(file: FileHandle): Promise<readonly DeflatedEntry[]> {
  const entries: DeflatedEntry[] = []
  for (let at = 0; ; ) {
    const head = await readBytes(file, at, fixedBytes)
    if (head.length < fixedBytes || head.readUInt32LE(0) !== localSignature || (head.readUInt16LE(6) & streamedFlag) !== 0) return entries
    const [nameBytes, extraBytes] = [head.readUInt16LE(26), head.readUInt16LE(28)]
    const packed = head.readUInt32LE(18)
    const lengthBytes = packed === limit32 ? largeSize(await readBytes(file, at + fixedBytes + nameBytes, extraBytes)) : packed
    if (lengthBytes === undefined) return entries
    const offsetBytes = at + fixedBytes + nameBytes + extraBytes
    if (head.readUInt16LE(8) === deflated) entries.push({ offsetBytes, lengthBytes })
    at = offsetBytes + lengthBytes
  }
}

/** The packed size in the 64-bit field, which is its second number. */
function largeSize(extra: Buffer): number | undefined {
  for (let at = 0; at + 4 <= extra.length; at += 4 + extra.readUInt16LE(at + 2)) {
    if (extra.readUInt16LE(at) === largeExtra && at + 20 <= extra.length) return Number(extra.readBigUInt64LE(at + 12))
  }
  return undefined
}

/** An empty stored block, byte-aligned: what a flush ends in. Grains may hold the same bytes by chance. */
const flush = Buffer.from([0x00, 0x00, 0xff, 0xff])
const windowBytes = 4 * 1024 * 1024
/** Deflate makes at most 1032 bytes of one: a whole grain has so many, zeros too. https://zlib.net/zlib_tech.html */
const leastGrainBytes = 63
/** A grain that does not compress is stored in blocks of its own, each with a header of 5 bytes. */
const mostGrainBytes = segmentBytes + 1024

/** Every grain of the entry, in its order; between them lies what is none. Errors: the file system's own, the signal's reason. */
export async function* flushedGrains(file: FileHandle, entry: DeflatedEntry, signal?: AbortSignal): AsyncGenerator<ReadSegment> {
  const endBytes = entry.offsetBytes + entry.lengthBytes
  for (let at = entry.offsetBytes; at < endBytes; ) {
    const window = await readBytes(file, at, Math.min(windowBytes, endBytes - at))
    let used = 0
    for await (const grain of grainsOf(window, signal)) {
      yield { offsetBytes: at + grain.from, encoding: 'deflate', bytes: window.subarray(grain.from, grain.to), content: grain.content }
      used = grain.to
    }
    // What follows the last grain may be the beginning of one: it is read again, unless it is too long for one.
    const unused = window.length - used
    at += used > 0 && unused <= mostGrainBytes ? used : window.length - Math.min(flush.length - 1, unused)
    if (window.length <= flush.length) return
  }
}

function flushEnds(window: Buffer): number[] {
  const ends: number[] = []
  for (let found = window.indexOf(flush); found !== -1; found = window.indexOf(flush, found + 1)) ends.push(found + flush.length)
  return ends
}

interface FoundGrain {
  readonly from: number
  readonly to: number
  readonly content: Buffer
}

/** So many are inflated at once: 4 MiB of memory, whatever lies in the window. */
const batchSize = 64
/** So many flushes inside one grain are looked behind: more are no chance. */
const mostChances = 8

/** Each usually lies between two flushes; where one has their bytes by chance, it ends at a later one. */
async function* grainsOf(window: Buffer, signal?: AbortSignal): AsyncGenerator<FoundGrain> {
  const ends = flushEnds(window)
  const inflate = async (from: number, to: number) => {
    const content = to - from < leastGrainBytes ? undefined : await inflateFlushed(window.subarray(from, to))
    return content ? { from, to, content } : undefined
  }
  for (let first = 0; first < ends.length; ) {
    signal?.throwIfAborted()
    const batch = ends.slice(first, first + batchSize)
    const likely = await Promise.all(batch.map((to, index) => inflate(ends[first + index - 1] ?? 0, to)))
    let index = first
    while (index < first + batch.length) {
      const from = ends[index - 1] ?? 0
      let [grain, last] = [likely[index - first], index]
      while (!grain && last - index < mostChances && (ends[last + 1] ?? Infinity) - from <= mostGrainBytes) grain = await inflate(from, ends[++last] ?? 0)
      if (grain) yield grain
      index = (grain ? last : index) + 1
    }
    first = index
  }
}
