/** Reads an ext4 file system inside a raw disk image with debugfs: no mount, no loop device, no root. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run } from './command.js'

export interface Ext4Entry {
  /** Absolute inside the file system. */
  readonly path: string
  readonly type: 'file' | 'directory' | 'link' | 'other'
  /** Permission bits. */
  readonly mode: number
  readonly owner: number
  /** 0 for directories. */
  readonly sizeBytes: number
}

export interface Ext4 {
  /** Everything below the root, parents before children. */
  tree(): Promise<readonly Ext4Entry[]>
  /** Contents of regular files; what does not exist is left out. */
  readFiles(paths: readonly string[]): Promise<ReadonlyMap<string, Buffer>>
  /** Copies a regular file to `to` on the host, without holding it in memory; an empty file where it does not exist. */
  copyOut(path: string, to: string): Promise<void>
  /** Target of a symbolic link. */
  readLink(path: string): Promise<string>
  /** The superblock as debugfs prints it, by field name. */
  superblock(): Promise<ReadonlyMap<string, string>>
  /** Path of the file that uses a byte of the file system, or undefined where no file does any more. */
  ownerOf(offsetBytes: number): Promise<string | undefined>
  /** As ownerOf, for many bytes at once: debugfs reads every inode for each answer. What no file uses is left out. */
  ownersOf(offsetsBytes: readonly number[]): Promise<ReadonlyMap<number, string>>
}

export interface Ext4Place {
  readonly run: Run
  /** Raw image. */
  readonly image: string
  readonly offsetBytes: number
  /** Folder for what is read out. */
  readonly directory: string
}

/** Errors of all members: those of Run. */
export function openExt4(place: Ext4Place): Ext4 {
  const source = `${place.image}?offset=${place.offsetBytes}`
  const ask = async (request: string) => {
    const { stdout } = await place.run(['debugfs', '-R', request, source], { reason: 'read the finished disk' })
    return stdout
  }
  return {
    tree: () => readTree(place, source),
    readFiles: paths => dumpFiles(place, source, paths),
    copyOut: async (path, to) => {
      await writeFile(to, '')
      await script(place, source, [`dump ${quote(path)} ${quote(to)}`])
    },
    readLink: async path => /Fast link dest: "(.*)"/.exec(await ask(`stat ${quote(path)}`))?.[1] ?? '',
    superblock: async () => parseFields(await ask('show_super_stats -h')),
    ownerOf: async offsetBytes => (await findOwners(ask, [offsetBytes])).get(offsetBytes),
    ownersOf: offsetsBytes => findOwners(ask, offsetsBytes),
  }
}

type Ask = (request: string) => Promise<string>

async function findOwners(ask: Ask, offsetsBytes: readonly number[]): Promise<ReadonlyMap<number, string>> {
  const blockBytes = Number(parseFields(await ask('show_super_stats -h')).get('Block size'))
  const blockOf = (offsetBytes: number) => String(Math.floor(offsetBytes / blockBytes))
  const inodes = await askPairs(ask, 'icheck', offsetsBytes.map(blockOf), /^(\d+)\s+(\d+)$/gm)
  const paths = await askPairs(ask, 'ncheck', [...inodes.values()], /^(\d+)\s+(\/.*)$/gm)
  return new Map(
    offsetsBytes.flatMap(offsetBytes => {
      const inode = inodes.get(blockOf(offsetBytes))
      // Inode 8 is the journal, which has no name.
      return inode === undefined ? [] : [[offsetBytes, paths.get(inode) ?? `inode ${inode}`] as const]
    })
  )
}

/** A line of numbers that is short enough for one argument of a program. */
const numbersAtOnce = 5000

/** What debugfs says of numbers; the first answer to each. */
async function askPairs(ask: Ask, request: string, numbers: readonly string[], line: RegExp): Promise<ReadonlyMap<string, string>> {
  const each = [...new Set(numbers)]
  const found = new Map<string, string>()
  for (let at = 0; at < each.length; at += numbersAtOnce) {
    const said = await ask(`${request} ${each.slice(at, at + numbersAtOnce).join(' ')}`)
    for (const [, number = '', answer = ''] of said.matchAll(line)) if (!found.has(number)) found.set(number, answer)
  }
  return found
}

/** One debugfs run for each level of the tree, not for each folder. */
async function readTree(place: Ext4Place, source: string): Promise<readonly Ext4Entry[]> {
  const all: Ext4Entry[] = []
  let level = ['/']
  while (level.length > 0) {
    const said = await script(place, source, level.map(folder => `ls -p ${quote(folder)}`))
    const found = said.flatMap((listing, index) => parseListing(listing, level[index] ?? '/'))
    all.push(...found)
    level = found.filter(entry => entry.type === 'directory').map(entry => entry.path)
  }
  return all
}

async function dumpFiles(place: Ext4Place, source: string, paths: readonly string[]): Promise<ReadonlyMap<string, Buffer>> {
  const out = await mkdtemp(join(place.directory, 'files-'))
  try {
    await script(place, source, paths.map((path, index) => `dump ${quote(path)} ${quote(join(out, String(index)))}`))
    const contents = await Promise.all(paths.map((_, index) => readFile(join(out, String(index))).catch(() => undefined)))
    return new Map(paths.flatMap((path, index) => (contents[index] ? [[path, contents[index]] as const] : [])))
  } finally {
    await rm(out, { recursive: true })
  }
}

/** What debugfs printed for each request; it repeats each request behind its name. */
async function script(place: Ext4Place, source: string, requests: readonly string[]): Promise<string[]> {
  const file = join(await mkdtemp(join(place.directory, 'debugfs-')), 'requests')
  await writeFile(file, `${requests.join('\n')}\n`)
  const { stdout } = await place.run(['debugfs', '-f', file, source], { reason: 'read the finished disk' })
  await rm(join(file, '..'), { recursive: true })
  return stdout.split(/^debugfs: .*$/m).slice(1)
}

/** Lines `/inode/mode/owner/group/name/size/`; a name cannot hold a slash. */
function parseListing(text: string, folder: string): Ext4Entry[] {
  return text.split('\n').flatMap(line => {
    const [, , mode, owner, , name, size] = line.split('/')
    if (!mode || !name || name === '.' || name === '..') return []
    const bits = Number.parseInt(mode, 8)
    return [{
      path: folder === '/' ? `/${name}` : `${folder}/${name}`,
      type: types[bits >> 12] ?? 'other',
      mode: bits & 0o7777,
      owner: Number(owner),
      sizeBytes: Number(size || 0),
    }]
  })
}

const types: Readonly<Record<number, Ext4Entry['type']>> = { 0o04: 'directory', 0o10: 'file', 0o12: 'link' }

function parseFields(text: string): ReadonlyMap<string, string> {
  const pairs = [...text.matchAll(/^([^:\n]+):[ \t]*(.*)$/gm)]
  return new Map(pairs.map(([, name = '', value = '']) => [name, value.trim()]))
}

/** debugfs takes a doubled quote inside quotes for one. */
function quote(path: string): string {
  return `"${path.replaceAll('"', '""')}"`
}
