/** Writes rendered files into a folder, and packs folders so that equal content gives equal bytes. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { dirname, join } from 'node:path'
import type { Command } from '../tools/command.js'
import type { RenderedFile } from '../render/files.js'

export async function writeTree(directory: string, files: readonly RenderedFile[]): Promise<void> {
  for (const file of files) {
    const path = join(directory, file.path)
    await mkdir(dirname(path), { recursive: true })
    await writeFile(path, file.content)
    await chmod(path, file.mode)
  }
}

/** What a stage's key holds of its files: path, mode and content hash, so that a changed file can be named. */
export function treeDigest(files: readonly RenderedFile[]): Record<string, string> {
  return Object.fromEntries(
    files.map(file => [
      file.path,
      `${file.mode.toString(8)} ${createHash('sha256').update(file.content).digest('hex')}`,
    ])
  )
}

/** A tar of a folder with fixed order, owner and times. */
export function packTar(directory: string, tar: string, sourceDateEpoch: number): Command {
  return [
    'tar', '--create', '--file', tar, '--directory', directory, '--sort=name', '--format=gnu',
    `--mtime=@${sourceDateEpoch}`, '--owner=0', '--group=0', '--numeric-owner', '.',
  ]
}

/**
 * An ext4 image holding a folder, without a loop device: the read-only disk the kickstart travels on.
 * Size in KiB: twice the content and room for metadata; mke2fs refuses what does not fit.
 */
export function packExt4(directory: string, image: string, contentBytes: number): Command {
  const sizeKib = Math.max(2048, Math.ceil(contentBytes / 1024) * 2 + 1024)
  return [
    'mke2fs', '-q', '-F', '-t', 'ext4', '-O', '^has_journal', '-L', 'kickstart', '-m', '0',
    '-E', 'root_owner=0:0', '-d', directory, image, `${sizeKib}k`,
  ]
}
