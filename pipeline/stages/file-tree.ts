/** Writes rendered files into a folder, and packs folders so that equal content gives equal bytes. */
import { chmod, mkdir, writeFile } from 'node:fs/promises'
import { createHash } from 'node:crypto'
import { dirname, join, posix } from 'node:path'
import { kickstartDiskFailed } from '../errors/stages.js'
import type { Command, Run } from '../tools/command.js'
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

export interface Ext4Request {
  /** Holds `files`, as writeTree wrote them. */
  readonly directory: string
  readonly files: readonly RenderedFile[]
  readonly image: string
}

/** Any fixed UUID: the disk is found by its serial number, and equal content must give an equal image. */
const uuid = '8d7b4a50-6b0a-4b5e-9a53-2f3d6b1c0001'

/** The time in the image; 0 means "now" to e2fsprogs. */
const fixedTime = { E2FSPROGS_FAKE_TIME: '1', SOURCE_DATE_EPOCH: '1' }

/**
 * Writes an ext4 image holding a folder, without a loop device: the read-only disk the kickstart travels on.
 * The files are put in one by one and not by `mke2fs -d`, which copies this host's change times and its order
 * of names. Errors: `kickstart-disk-failed` (exit 4), those of Run.
 */
export async function packExt4({ directory, files, image }: Ext4Request, run: Run): Promise<void> {
  const reason = 'make the kickstart disk'
  await run(makeExt4(image, files), { env: fixedTime, reason })
  const input = fillScript(files)
  const { stderr } = await run(['debugfs', '-w', '-f', '-', image], { cwd: directory, env: fixedTime, input, reason })
  // debugfs ends with 0 whatever happened; its first line is its version.
  const problems = stderr.split('\n').filter(line => line !== '' && !/^debugfs \d/.test(line))
  if (problems.length > 0) throw kickstartDiskFailed(problems)
}

/** Size in KiB: twice what the files occupy and room for metadata. */
function makeExt4(image: string, files: readonly RenderedFile[]): Command {
  const contentKib = files.reduce((sum, file) => sum + Math.ceil(file.content.length / 1024) + 1, 0)
  const sizeKib = Math.max(2048, contentKib * 2 + 1024)
  return [
    'mke2fs', '-q', '-F', '-t', 'ext4', '-b', '1024', '-O', '^has_journal', '-L', 'kickstart', '-m', '0',
    '-N', String(64 + files.length * 4), '-U', uuid, '-E', `root_owner=0:0,hash_seed=${uuid}`, image, `${sizeKib}k`,
  ]
}

/** debugfs writes a file into its current folder only. */
function fillScript(files: readonly RenderedFile[]): string {
  const paths = files.map(file => file.path).sort()
  const folders = new Set(paths.flatMap(foldersOf))
  return [
    ...[...folders].map(folder => `mkdir ${quote(folder)}`),
    ...paths.flatMap(path => {
      const { dir, base } = posix.parse(path)
      return [`cd ${quote(`/${dir}`)}`, `write ${quote(path)} ${quote(base)}`]
    }),
  ].map(line => `${line}\n`).join('')
}

/** `a/b/c` is in /a and in /a/b. */
function foldersOf(path: string): string[] {
  const { dir } = posix.parse(path)
  return dir === '' ? [] : [...foldersOf(dir), `/${dir}`]
}

function quote(word: string): string {
  return `"${word.replaceAll('"', '""')}"`
}
