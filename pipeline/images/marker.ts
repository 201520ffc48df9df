/** What an empty file more changes on the golden disk: a few blocks of its ext4, found without a mount or a whole copy. */
import { open, rm, writeFile } from 'node:fs/promises'
import { markerRefused } from '../errors/images.js'
import type { Run } from '../tools/command.js'
import { readLayout, rootPartition } from '../tools/partitions.js'
import { differingPages } from './page-differences.js'
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

/** In the primary superblock: when the file system was written last, which becomes the new file's time. */
const lastWriteOffset = 1024 + 0x30

/** Equal for equal disks. Errors: `marker-refused` (exit 4), `disk-unreadable` (4), those of Run and of the file system. */
export async function markerPatches(request: MarkerRequest): Promise<readonly Patch[]> {
  const { disk, scratch, run } = request
  const { startBytes } = rootPartition(disk, await readLayout(disk))
  const [metadata, before] = [`${scratch}.metadata`, `${scratch}.before`]
  try {
    // Superblock, bitmaps, inodes, folders and journal: some ten MiB, whatever the disk holds.
    await run(['e2image', '-r', '-o', String(startBytes), disk, metadata], { reason: 'read the file system' })
    // Compared with what it was, not with the disk: what is no metadata is a hole here, and data there.
    await run(['cp', '--sparse=always', '--', metadata, before], { reason: 'read the file system' })
    await addFile(request, metadata, startBytes)
    const pages = await differingPages({ before, after: metadata, run })
    return pages.map(page => ({ ...page, startBytes: startBytes + page.startBytes }))
  } finally {
    for (const path of [metadata, before, `${scratch}.empty`, `${scratch}.requests`]) await rm(path, { force: true })
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
