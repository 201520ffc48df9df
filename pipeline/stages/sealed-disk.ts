/** The finished disk, opened from outside for the audit: partitions, the root's tree and files, the EFI partition. */
import { openExt4 } from '../tools/ext4.js'
import type { Ext4, Ext4Entry } from '../tools/ext4.js'
import { readLayout, rootPartition } from '../tools/partitions.js'
import type { DiskLayout } from '../tools/partitions.js'
import type { Run } from '../tools/command.js'

export interface SealedDisk {
  readonly run: Run
  /** Raw image. */
  readonly path: string
  /** A folder for temporary files. */
  readonly directory: string
  readonly layout: DiskLayout
  /** Where the root file system begins on the disk. */
  readonly rootStartBytes: number
  readonly root: Ext4
  /** Everything in the root file system. */
  readonly entries: readonly Ext4Entry[]
  /** The entry at this path, links not followed. */
  at(path: string): Ext4Entry | undefined
  /** Everything below a folder. */
  below(folder: string): readonly Ext4Entry[]
  /** Text of a file; empty when it does not exist. */
  readText(path: string): Promise<string>
  /** Paths on the EFI system partition in upper case (`/EFI/BOOT/BOOTX64.EFI`); empty without one. */
  espPaths(): Promise<readonly string[]>
  /** Text of a file on the EFI system partition, in which case does not count; empty when it does not exist. */
  espText(path: string): Promise<string>
}

/** Errors: `disk-unreadable` (exit 4) and those of Run. */
export async function openSealedDisk(path: string, directory: string, run: Run): Promise<SealedDisk> {
  const layout = await readLayout(path)
  const rootStartBytes = rootPartition(path, layout).startBytes
  const root = openExt4({ run, image: path, offsetBytes: rootStartBytes, directory })
  const entries = await root.tree()
  const byPath = new Map(entries.map(entry => [entry.path, entry]))
  const onEsp = espReader(path, layout, run)
  return {
    run,
    path,
    directory,
    layout,
    rootStartBytes,
    root,
    entries,
    at: wanted => byPath.get(wanted),
    below: folder => entries.filter(entry => entry.path.startsWith(`${folder}/`)),
    readText: async wanted => (await root.readFiles([wanted])).get(wanted)?.toString('utf8') ?? '',
    espPaths: async () => {
      const listed = await onEsp(['mdir', '-b', '-/'], '/')
      return listed.split('\n').filter(line => line.startsWith('::/')).map(line => line.slice(2).toUpperCase())
    },
    espText: wanted => onEsp(['mtype'], wanted),
  }
}

/** Standard output of a program of mtools for a path on the EFI system partition; empty without either. */
function espReader(disk: string, layout: DiskLayout, run: Run) {
  const esp = layout.partitions.find(partition => partition.kind === 'esp')
  return async ([program, ...options]: readonly [string, ...string[]], path: string): Promise<string> => {
    if (!esp) return ''
    const { stdout } = await run([program, ...options, '-i', `${disk}@@${esp.startBytes}`, `::${path}`], {
      // mtools otherwise refuses file systems whose geometry does not fit a floppy's idea of one.
      env: { MTOOLS_SKIP_CHECK: '1' },
      okCodes: [0, 1],
      reason: 'read the EFI system partition',
    })
    return stdout
  }
}
