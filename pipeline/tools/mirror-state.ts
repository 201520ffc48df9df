/** Asks a mirror whether its indexes changed: one conditional request for each InRelease file. */
import { createHash } from 'node:crypto'
import { mirrorUnreachable, mirrorWithoutSuite } from '../errors/media.js'
import { inReleaseUrl, withoutCredentials } from './deb-sources.js'
import type { DebSource } from './deb-sources.js'

/** What is known of one InRelease file. */
export interface IndexState {
  /** Without user and password: this is kept on disk. */
  readonly url: string
  readonly suite: string
  /** Hex digest of the file. */
  readonly sha256: string
  /** The file's own Date, ISO 8601. */
  readonly date: string
  /** The server's validators, where it gave any. */
  readonly etag?: string
  readonly lastModified?: string
}

const timeoutMs = 30_000

/**
 * The state of every source now. A server that knows no validators sends the file again (some 150 KB), and
 * its digest tells that nothing changed. Errors: `mirror-unreachable`, `mirror-without-suite` (exit 4).
 */
export async function askMirror(
  sources: readonly DebSource[],
  known: readonly IndexState[],
  signal: AbortSignal
): Promise<readonly IndexState[]> {
  return Promise.all(sources.map(source => askIndex(source, known.find(state => state.url === withoutCredentials(inReleaseUrl(source))), signal)))
}

async function askIndex(source: DebSource, known: IndexState | undefined, signal: AbortSignal): Promise<IndexState> {
  const url = inReleaseUrl(source)
  const answer = await request(url, known, signal)
  if (answer.status === 304 && known) return known
  if (answer.status !== 200 && answer.status !== 404) {
    throw mirrorUnreachable(withoutCredentials(url), `HTTP ${answer.status}`)
  }
  if (answer.status === 404) throw mirrorWithoutSuite(withoutCredentials(source.url), source.suite, answer.status)
  const sha256 = createHash('sha256').update(answer.body).digest('hex')
  const etag = answer.headers.get('etag')
  const lastModified = answer.headers.get('last-modified')
  return {
    url: withoutCredentials(url),
    suite: source.suite,
    sha256,
    date: dateOf(answer.body.toString('utf8')),
    ...(etag ? { etag } : {}),
    ...(lastModified ? { lastModified } : {}),
  }
}

async function request(url: string, known: IndexState | undefined, signal: AbortSignal) {
  const headers: Record<string, string> = {}
  if (known?.etag) headers['if-none-match'] = known.etag
  if (known?.lastModified) headers['if-modified-since'] = known.lastModified
  const target = new URL(url)
  if (target.username) {
    const user = `${decodeURIComponent(target.username)}:${decodeURIComponent(target.password)}`
    headers['authorization'] = `Basic ${Buffer.from(user).toString('base64')}`
    target.username = target.password = ''
  }
  try {
    const response = await fetch(target, { headers, signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]) })
    return { status: response.status, headers: response.headers, body: Buffer.from(await response.arrayBuffer()) }
  } catch (error) {
    if (signal.aborted) throw signal.reason
    throw mirrorUnreachable(withoutCredentials(url), reasonOf(error))
  }
}

/** fetch says only "fetch failed"; the socket's own error is its cause. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (error.name === 'TimeoutError') return `no answer within ${timeoutMs / 1000} s`
  const { cause } = error
  if (cause instanceof Error) return (cause as NodeJS.ErrnoException).code ?? cause.message
  return error.message
}

function dateOf(text: string): string {
  const written = /^Date: (.+)$/m.exec(text)?.[1]
  const date = new Date(written ?? NaN)
  return Number.isNaN(date.getTime()) ? new Date(0).toISOString() : date.toISOString()
}
