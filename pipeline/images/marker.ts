/** What an empty file more changes on the golden disk: a few blocks of its ext4, found without a mount or a whole copy. */
import { open, rm, writeFile } from 'node:fs/promises'
import { markerRefused } from '../errors/images.js'
import type { Run } from '../tools/command.js'
import { dataExtents } from '../tools/data-extents.js'
import { readLayout, rootPartition } from '../tools/partitions.js'
import type { Patch } from './patches.js'

export interface MarkerRequest {
  /** Raw; only read. */
  readonly disk: string
  /** Path of the new file, in a folder that exists on the disk. */
  readonly file: string
  /** Path (without a file there) for temporary files. */
  readonly scratch: string
  readonly run: Run
}

/** Unit of the comparison; ext4's blocks are no larger here. */
const pageBytes = 4096
const readBytes = 1024 * 1024
/** In the primary superblock: when the file system was written last, which becomes the new file's time. */
const lastWriteOffset = 1024 + 0x30

/** Equal for equal disks. Errors: `marker-refused` (exit 4), `disk-unreadable` (4), those of Run and of the file system. */
export async function markerPatches(request: MarkerRequest): Promise<readonly Patch[]> {
  const { disk, scratch, run } = request
  const { startBytes } = rootPartition(disk, await readLayout(disk))
  const metadata = `${scratch}.metadata`
  try {
    // Superblock, bitmaps, inodes, folders and journal: some ten MiB, whatever the disk holds.
    await run(['e2image', '-r', '-o', String(startBytes), disk, metadata], { reason: 'read the file system' })
    await addFile(request, metadata, startBytes)
    return await differences({ disk, metadata, startBytes, run })
  } finally {
    for (const path of [metadata, `${scratch}.empty`, `${scratch}.requests`]) await rm(path, { force: true })
  }
}

async function addFile({ disk, file, scratch, run }: MarkerRequest, metadata: string, startBytes: number): Promise<void> {
  const [empty, requests] = [`${scratch}.empty`, `${scratch}.requests`]
  await writeFile(empty, '')
  // Mode and owner are not those of the file here, which depend on who builds.
  const fields = ['mode 0100644', 'uid 0', 'gid 0'].map(field => `set_inode_field ${file} ${field}`)
  await writeFile(requests, `${[`write ${empty} ${file}`, ...fields].join('\n')}\n`)
  const time = String(await lastWritten(disk, startBytes))
  const env = { E2FSPROGS_FAKE_TIME: time, SOURCE_DATE_EPOCH: time }
  await run(['debugfs', '-w', '-f', requests, metadata], { env, reason: 'add the marker file' })
  // debugfs ends with 0 also when it could not.
  const { stdout } = await run(['debugfs', '-R', `stat ${file}`, metadata], { reason: 'add the marker file' })
  if (!/Type: regular\s+Mode:\s+0644/.test(stdout)) throw markerRefused(disk, file)
}

async function lastWritten(disk: string, startBytes: number): Promise<number> {
  const bytes = Buffer.alloc(4)
  const file = await open(disk, 'r')
  await file.read(bytes, 0, bytes.length, startBytes + lastWriteOffset).finally(() => file.close())
  return bytes.readUInt32LE(0)
}

interface Comparison {
  readonly disk: string
  readonly metadata: string
  readonly startBytes: number
  readonly run: Run
}

async function differences({ disk, metadata, startBytes, run }: Comparison): Promise<readonly Patch[]> {
  const patches: Patch[] = []
  const extents = await dataExtents(metadata, run)
  const [before, after] = await Promise.all([open(disk, 'r'), open(metadata, 'r')])
  try {
    for (const extent of extents) {
      const endBytes = extent.startBytes + extent.lengthBytes
      for (let at = extent.startBytes; at < endBytes; at += readBytes) {
        const length = Math.min(readBytes, endBytes - at)
        const [old, now] = [Buffer.alloc(length), Buffer.alloc(length)]
        await Promise.all([before.read(old, 0, length, startBytes + at), after.read(now, 0, length, at)])
        if (!old.equals(now)) patches.push(...changedPages(old, now, startBytes + at))
      }
    }
    return patches
  } finally {
    await Promise.all([before.close(), after.close()])
  }
}

function changedPages(old: Buffer, now: Buffer, startBytes: number): readonly Patch[] {
  const pages = Array.from({ length: Math.ceil(now.length / pageBytes) }, (_, page) => page * pageBytes)
  return pages
    .filter(at => !old.subarray(at, at + pageBytes).equals(now.subarray(at, at + pageBytes)))
    .map(at => ({ startBytes: startBytes + at, bytes: now.subarray(at, at + pageBytes) }))
}
