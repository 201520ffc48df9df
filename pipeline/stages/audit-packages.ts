/** Audit: which files are word for word those of their Debian package. */
import { createHash } from 'node:crypto'
import type { SealedDisk } from './sealed-disk.js'

const infoFolder = '/var/lib/dpkg/info'

/** Those of these paths whose contents have the sum that dpkg keeps of them; none on a disk without dpkg. Errors: those of Run. */
export async function verbatimFiles(disk: Pick<SealedDisk, 'below' | 'readText' | 'root'>, paths: readonly string[]): Promise<ReadonlySet<string>> {
  if (paths.length === 0) return new Set()
  const sums = await packageSums(disk)
  const files = await disk.root.readFiles([...new Set(paths)].filter(path => sums.has(path)))
  return new Set([...files].flatMap(([path, content]) => (sums.get(path)?.has(md5(content)) ? [path] : [])))
}

/** Path -> sums; dpkg keeps those of files of the user's own configuration elsewhere than those of all others. */
async function packageSums({ below, readText, root }: Pick<SealedDisk, 'below' | 'readText' | 'root'>): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const lists = below(infoFolder).flatMap(({ path }) => (path.endsWith('.md5sums') ? [path] : []))
  const sums = new Map<string, Set<string>>()
  const add = (path: string, sum: string) => sums.set(path, (sums.get(path) ?? new Set()).add(sum))
  for (const text of (await root.readFiles(lists)).values()) {
    for (const [, sum = '', path = ''] of text.toString('utf8').matchAll(/^([0-9a-f]{32}) [ *](.+)$/gm)) add(installedPath(path), sum)
  }
  const status = await readText('/var/lib/dpkg/status')
  for (const [, path = '', sum = ''] of status.matchAll(/^ (\/\S+) ([0-9a-f]{32})$/gm)) add(path, sum)
  return sums
}

/** Packages may still name what the merged /usr holds by its old folders. */
function installedPath(path: string): string {
  return `/${path.replace(/^(bin|sbin|lib|lib64)\//, 'usr/$1/')}`
}

/** No proof against an attacker, who could change the list as well: it tells what the build has written from what was packed. */
function md5(content: Buffer): string {
  return createHash('md5').update(content).digest('hex')
}
