/** Compares the files of a release with the digests that were written down when it was made. */
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256File } from '../tools/checksum.js'
import { sumsName } from './release-folder.js'
import type { Manifest } from './release-folder.js'

/** Every file that SHA256SUMS or the manifest names, in name order: `<path>: missing` or `<path>: changed`. */
export async function findChanges(
  release: string,
  manifest: Manifest,
  signal: AbortSignal,
  hash: (path: string) => Promise<string> = path => sha256File(path, signal)
): Promise<readonly string[]> {
  const sums = await readFile(join(release, sumsName), 'utf8').catch(() => undefined)
  const wanted = new Map<string, Set<string>>()
  const want = (path: string, sha256: string) => wanted.set(path, (wanted.get(path) ?? new Set()).add(sha256))
  for (const { path, sha256 } of Object.values(manifest.targets).flatMap(target => target.files)) want(path, sha256)
  const lines = (sums ?? '').split('\n').filter(line => line !== '').map(line => /^([0-9a-f]{64})  (.+)$/.exec(line))
  for (const line of lines) if (line) want(line[2] ?? '', line[1] ?? '')
  const problems = sums === undefined ? [`${sumsName}: missing`] : []
  if (lines.some(line => !line)) problems.push(`${sumsName}: changed`)
  for (const [path, digests] of [...wanted].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const problem = await problemOf(join(release, path), digests, hash)
    if (problem) problems.push(`${path}: ${problem}`)
  }
  return problems
}

/** A file with two digests on record fits one of them at most. */
async function problemOf(
  path: string,
  digests: ReadonlySet<string>,
  hash: (path: string) => Promise<string>
): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return 'missing'
  const digest = await hash(path)
  return digests.size === 1 && digests.has(digest) ? undefined : 'changed'
}
