/** The state of a mirror: the digest and date of each index that apt has just asked for, or why it could not. */
import { createHash } from 'node:crypto'
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { mirrorRefused, mirrorUnreachable, mirrorWithoutSuite } from '../errors/media.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { inReleaseUrl, withoutCredentials } from './deb-sources.js'
import type { DebSource } from './deb-sources.js'

/** What is known of one InRelease file. */
export interface IndexState {
  readonly suite: string
  /** Hex digest of the file. */
  readonly sha256: string
  /** The file's own Date, ISO 8601. */
  readonly date: string
}

/** Of each source, in their order, from apt's folder of lists. Errors: `mirror-refused` (exit 4) where there is none. */
export async function readIndexes(lists: string, sources: readonly DebSource[]): Promise<readonly IndexState[]> {
  const names = await readdir(lists)
  return Promise.all(
    sources.map(async source => {
      // A mirror without InRelease has Release, with its signature beside it.
      const ends = ['InRelease', 'Release'].map(name => `_dists_${source.suite.replaceAll('/', '_')}_${name}`)
      const name = ends.flatMap(end => names.filter(each => each.endsWith(end)))[0]
      if (name === undefined) throw mirrorRefused(withoutCredentials(inReleaseUrl(source)), 'apt kept no index of it')
      const text = await readFile(join(lists, name), 'utf8')
      return { suite: source.suite, sha256: createHash('sha256').update(text).digest('hex'), date: dateOf(text) }
    })
  )
}

function dateOf(text: string): string {
  const written = /^Date: (.+)$/m.exec(text)?.[1]
  const date = new Date(written ?? NaN)
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString()
}

/** Says in our words what made `apt-get update` fail; apt's own lines go along where they do not tell. */
export function mirrorProblem(failure: PipelineError, sources: readonly DebSource[]): PipelineError {
  const lines = failure.details.map(line => line.replace(/^\| /, ''))
  const at = lines.findIndex(line => /^(Err|Error):\d+ /.test(line))
  const [, url = '', suite = ''] = /^\S+ (\S+) (\S+)/.exec(lines[at] ?? '') ?? []
  const reason = (lines[at + 1] ?? '').trim().replace(/\s+/g, ' ').replace(/ \[IP: .*\]$/, '').replace(/\.$/, '')
  const [source] = sources.filter(each => each.suite === suite.split('/')[0])
  const shown = withoutCredentials(source ? inReleaseUrl(source) : url)
  if (at < 0) return mirrorRefused(sources.map(({ url }) => withoutCredentials(url))[0] ?? '', 'apt-get update failed', lines)
  if (reason.startsWith('404 ')) return mirrorWithoutSuite(withoutCredentials(url), suite)
  return /^\d{3} |^(Could not|Cannot|Connection|Temporary|Unable|Something wicked)/.test(reason)
    ? mirrorUnreachable(shown, reason)
    : mirrorRefused(shown, reason)
}
