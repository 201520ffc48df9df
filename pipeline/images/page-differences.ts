/** Where two disks differ, in pages; only what holds data in the second is read. */
import { open } from 'node:fs/promises'
import type { Run } from '../tools/command.js'
import { dataExtents } from '../tools/data-extents.js'

/** The least block of ext4: in a larger page the blocks of a neighbour would count as changed. */
const pageBytes = 1024
const readBytes = 1024 * 1024

export interface DifferingPage {
  readonly startBytes: number
  /** As they are in the second; shorter at the end of the file. */
  readonly bytes: Buffer
}

export interface Comparison {
  readonly before: string
  /** Raw, and sparse: its holes are not looked at. */
  readonly after: string
  readonly run: Run
}

/** In their order. Errors: the file system's own, those of Run. */
export async function differingPages({ before, after, run }: Comparison): Promise<readonly DifferingPage[]> {
  const pages: DifferingPage[] = []
  const extents = await dataExtents(after, run)
  const [one, other] = await Promise.all([open(before, 'r'), open(after, 'r')])
  try {
    for (const extent of extents) {
      const endBytes = extent.startBytes + extent.lengthBytes
      for (let at = extent.startBytes; at < endBytes; at += readBytes) {
        const length = Math.min(readBytes, endBytes - at)
        const [old, now] = [Buffer.alloc(length), Buffer.alloc(length)]
        await Promise.all([one.read(old, 0, length, at), other.read(now, 0, length, at)])
        if (!old.equals(now)) pages.push(...changedPages(old, now, at))
      }
    }
    return pages
  } finally {
    await Promise.all([one.close(), other.close()])
  }
}

function changedPages(old: Buffer, now: Buffer, startBytes: number): readonly DifferingPage[] {
  const pages = Array.from({ length: Math.ceil(now.length / pageBytes) }, (_, page) => page * pageBytes)
  return pages
    .filter(at => !old.subarray(at, at + pageBytes).equals(now.subarray(at, at + pageBytes)))
    .map(at => ({ startBytes: startBytes + at, bytes: now.subarray(at, at + pageBytes) }))
}
