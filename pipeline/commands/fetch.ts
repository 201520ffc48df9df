/** `pipeline fetch`: downloads a release's files for one target, checked before and while they are written. */
import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { noTrustedKey, sourceMissing, sourceWrong } from '../errors/fetch.js'
import { fetchOne, filesToFetch, prepareFolder, releaseFolder } from '../release/fetch-release.js'
import type { ReleaseFetch } from '../release/fetch-release.js'
import { readTrustedKeys } from '../release/keys.js'
import { readRelease } from '../release/read-tree.js'
import { openHost } from '../run/host.js'
import type { Host } from '../run/host.js'
import { acquireLock } from '../run/lock.js'
import { runSteps } from '../run/progress.js'
import { createHttp, defaultPatience } from '../tools/http.js'
import type { Http, HttpOptions } from '../tools/http.js'
import type { TrustedKeys } from '../tools/signature.js'
import { maskedUrl, splitLogin } from '../tools/url-secrets.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { PlaceOptions } from './options.js'
import { placesOf } from './places.js'

export interface FetchOptions extends PlaceOptions {
  readonly target: string
  readonly from?: string
  readonly channel: string
  readonly version?: string
  readonly output: string
  readonly key: readonly string[]
  readonly allowUnsigned?: boolean
  readonly allowUnverified?: boolean
  /** False: --no-delta. */
  readonly delta: boolean
  readonly deltaFrom: readonly string[]
  readonly connections: number
  /** Seconds. */
  readonly patience: number
  readonly json?: boolean
}

/** Prints the folder of the files. Errors: those of readRelease, filesToFetch and fetchFile; `no-trusted-key`, `source-missing` (exit 2). */
export async function runFetch(appliance: string, options: FetchOptions, io: CommandIo): Promise<void> {
  const { base, login } = sourceOf(options.from ?? io.env['PIPELINE_RELEASES'])
  const trusted = await trustedOf(options)
  const warn = onceEach(line => io.stderr.write(`warning: ${line}\n`))
  const host = openHost(io)
  const patience = { ...defaultPatience, giveUpMs: options.patience * 1000 }
  const onTrouble = (line: string) => void io.stderr.write(`fetch: ${line}\n`)
  const http = createHttp({ signal: host.signal, patience, onTrouble, ...(login ? { login } : {}) })
  try {
    const { state } = placesOf(options)
    const reader = {
      base, http, run: host.run, trusted, allowUnsigned: options.allowUnsigned ?? false,
      seenFile: join(state, 'fetch/seen.json'), now: () => new Date(), warn,
    }
    const { channel, version } = options
    const release = await readRelease(reader, { appliance, channel, ...(version === undefined ? {} : { version }) })
    const fetch: ReleaseFetch = {
      base, release, target: options.target, output: resolve(options.output), older: olderOf(options),
      allowUnverified: options.allowUnverified ?? false, run: host.run,
    }
    const folder = await fetchFiles(fetch, { options, io, host, http, state })
    if (options.json) printJson(io, { appliance, version: release.version, target: options.target, folder, signed: release.signatures.length > 0, verified: release.verified, receivedBytes: http.receivedBytes() })
    else printLine(io, folder)
  } finally {
    http.close()
    host.close()
  }
}

interface FetchContext {
  readonly options: FetchOptions
  readonly io: CommandIo
  readonly host: Host
  readonly http: Http
  readonly state: string
}

/** Two downloads to one folder would write the same hidden files: the second waits, and then finds everything there. */
async function fetchFiles(fetch: ReleaseFetch, { options, io, host, http, state }: FetchContext): Promise<string> {
  const files = filesToFetch(fetch)
  const place = releaseFolder(fetch)
  const unlock = await acquireLock(join(state, 'fetch', createHash('sha256').update(place).digest('hex').slice(0, 16)), {
    store: state, purpose: 'fetch', wait: true, signal: host.signal,
    onWait: holder => io.stderr.write(`Waiting for process ${holder.pid}, which downloads to ${place} too.\n`),
  })
  try {
    const folder = await prepareFolder(fetch)
    const steps = files.map(file => ({
      name: file.path,
      stored: false,
      run: (progress: (line: string) => void) => fetchOne(fetch, file, { http, signal: host.signal, connections: options.connections, progress }),
    }))
    await runSteps(steps, io.stderr)
    return folder
  } finally {
    unlock()
  }
}

function olderOf({ delta, deltaFrom }: FetchOptions): ReleaseFetch['older'] {
  if (!delta) return 'none'
  return deltaFrom.length > 0 ? deltaFrom.map(path => resolve(path)) : 'find'
}

/** Errors: `no-trusted-key` (exit 2) but with --allow-unsigned. */
async function trustedOf(options: FetchOptions): Promise<TrustedKeys> {
  const folder = join(placesOf(options).root, 'keys')
  const trusted = await (options.key.length > 0 ? readTrustedKeys(options.key) : readTrustedKeys([], folder))
  if (trusted.ssh.length + trusted.openpgp.length === 0 && !options.allowUnsigned) throw noTrustedKey(`no --key, and none in ${folder}`)
  return trusted
}

/** User and password of an address leave it here: what is made of it is shown, and remembered. */
function sourceOf(from: string | undefined): { readonly base: string; readonly login?: HttpOptions['login'] } {
  if (from === undefined || from === '') throw sourceMissing()
  const given = parseUrl(from)
  if (!given || !/^https?:$/.test(given.protocol)) throw sourceWrong(maskedUrl(from))
  given.search = ''
  given.hash = ''
  const { url, authorization } = splitLogin(given.href)
  const base = url.replace(/(?:\/index\.html)?\/*$/, '/')
  return { base, ...(authorization === undefined ? {} : { login: { origin: given.origin, authorization } }) }
}

function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text)
  } catch {
    return undefined
  }
}

function onceEach(say: (line: string) => void): (line: string) => void {
  const said = new Set<string>()
  return line => {
    if (!said.has(line)) say(line)
    said.add(line)
  }
}
