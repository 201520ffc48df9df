/** Downloads over HTTP that outlast bad minutes: small documents whole, large files by ranges. Nothing but what Node has. */
import { Agent as HttpAgent, get as httpGet } from 'node:http'
import type { IncomingMessage, OutgoingHttpHeaders } from 'node:http'
import { Agent as HttpsAgent, get as httpsGet } from 'node:https'
import { setTimeout as sleep } from 'node:timers/promises'
import { downloadFailed, downloadRefused, downloadSizeWrong, downloadTooLarge, rangesUnsupported, serverUnreachable } from '../errors/fetch.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { interrupted } from '../errors/tools.js'
import { pastProxy } from './past-proxy.js'
import { createRangeSockets } from './range-socket.js'
import type { Head, RangeSockets } from './range-socket.js'

export interface Patience {
  /** A connection on which nothing comes for so long is given up. */
  readonly stallMs: number
  /** So long it goes on trying when nothing comes at all. */
  readonly giveUpMs: number
}

export interface HttpOptions {
  readonly signal: AbortSignal
  readonly patience: Patience
  /** Told once for each time of trouble, not for each try. */
  readonly onTrouble?: (line: string) => void
  /** Sent to this server, and to no other that it redirects to. */
  readonly login?: { readonly origin: string; readonly authorization: string }
}

export interface Range {
  readonly url: string
  readonly startBytes: number
  readonly lengthBytes: number
  /** Of the whole file; a server that has another one is refused. */
  readonly sizeBytes: number
  /** Where the bytes go; at least `lengthBytes` long. @default a new buffer */
  readonly into?: Buffer
}

export interface Http {
  /** A whole document; undefined when there is none (404). Errors: those of `range`, `download-too-large` (exit 5). */
  readonly document: (url: string, limitBytes: number) => Promise<Buffer | undefined>
  /**
   * Errors: `download-failed`, `download-refused`, `download-forbidden`, `ranges-unsupported` (exit 4), `download-size-wrong` (exit 5),
   * `interrupted` (exit 130).
   */
  readonly range: (range: Range, signal?: AbortSignal) => Promise<Buffer>
  /** Of all bodies so far. */
  readonly receivedBytes: () => number
  readonly close: () => void
}

/** Every network knows worse: a proxy that restarts, a server that is moved. */
export const defaultPatience: Patience = { stallMs: 30_000, giveUpMs: 300_000 }

const mostRedirects = 5
const firstDelayMs = 200
const longestDelayMs = 5000

export function createHttp(options: HttpOptions): Http {
  const agents = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) }
  const { stallMs } = options.patience
  const sockets = createRangeSockets({ stallMs, stalled: answered => new Passing(answered ? nothingCame(stallMs) : noAnswer(stallMs)) })
  const client = { ...options, agents, sockets, trouble: { told: false }, received: { bytes: 0 } }
  return {
    document: (url, limitBytes) => readDocument(client, url, limitBytes),
    range: (range, signal) => readRange(client, range, signal),
    receivedBytes: () => client.received.bytes,
    close: () => {
      sockets.close()
      Object.values(agents).forEach(agent => agent.destroy())
    },
  }
}

interface Client extends HttpOptions {
  readonly agents: { readonly 'http:': HttpAgent; readonly 'https:': HttpsAgent }
  readonly sockets: RangeSockets
  readonly trouble: { told: boolean }
  readonly received: { bytes: number }
}

/** Something that may be better the next time. */
class Passing extends Error {
  readonly waitMs: number | undefined
  constructor(message: string, waitMs?: number) {
    super(message)
    this.waitMs = waitMs
  }
}

async function readDocument(client: Client, url: string, limitBytes: number): Promise<Buffer | undefined> {
  return await persist(client, url, client.signal, async () => {
    const response = await open(client, url, {}, client.signal)
    if (response.statusCode !== 200) response.resume()
    if (response.statusCode === 404) return undefined
    requireStatus(headOf(response), url, [200])
    const parts: Buffer[] = []
    let bytes = 0
    await receive(client, response, part => {
      bytes += part.length
      if (bytes > limitBytes) throw downloadTooLarge(url, limitBytes)
      parts.push(part)
    })
    return Buffer.concat(parts)
  })
}

/** What came before a connection broke is kept: the next try asks for the rest only. */
async function readRange(client: Client, range: Range, signal = client.signal): Promise<Buffer> {
  const { url, startBytes, lengthBytes } = range
  const buffer = range.into?.subarray(0, lengthBytes) ?? Buffer.allocUnsafe(lengthBytes)
  let filled = 0
  const progress = () => filled
  if (lengthBytes > 0) await persist(client, url, signal, async () => {
    const [from, to] = [startBytes + filled, startBytes + lengthBytes - 1]
    const onBytes = (bytes: number) => {
      filled += bytes
      count(client, bytes)
    }
    const direct = { url: new URL(url), startBytes: from, into: buffer.subarray(filled), headers: headersFor(client, new URL(url)), signal, check: (head: Head) => checkHead(head, range), onBytes }
    if (await client.sockets.read(direct)) return
    const response = await open(client, url, { range: `bytes=${from}-${to}` }, signal)
    requireRange(response, range, from)
    await receive(client, response, part => {
      if (filled + part.length > lengthBytes) throw new Passing('it sent more than was asked for')
      filled += part.copy(buffer, filled)
    })
    if (filled < lengthBytes) throw new Passing('the connection ended early')
  }, progress)
  return buffer
}

function requireRange(response: IncomingMessage, range: Range, from: number): void {
  const { url, sizeBytes, startBytes, lengthBytes } = range
  const isWhole = startBytes === 0 && lengthBytes === sizeBytes && from === 0
  try {
    checkHead(headOf(response), range)
    requireStatus(headOf(response), url, [200, 206])
    if (response.statusCode !== 206 && !isWhole) throw rangesUnsupported(url)
  } catch (error) {
    response.destroy()
    throw error
  }
}

/** A server that has another file, or that fails. Says nothing of redirects. */
function checkHead(head: Head, { url, sizeBytes }: Range): void {
  const { status } = head
  if (status === 416) throw downloadSizeWrong(url, sizeBytes, totalOf(head) ?? 0)
  if (status >= 400) requireStatus(head, url, [])
  const total = status === 200 || status === 206 ? totalOf(head) : undefined
  if (total !== undefined && total !== sizeBytes) throw downloadSizeWrong(url, sizeBytes, total)
}

function headOf({ statusCode = 0, headers }: IncomingMessage): Head {
  const one = (name: string) => [name, headers[name]?.toString()] as const
  return { status: statusCode, headers: Object.fromEntries(['content-length', 'content-range', 'retry-after'].map(one)) }
}

function totalOf({ status, headers }: Head): number | undefined {
  const text = status === 200 ? headers['content-length'] : /\/(\d+)$/.exec(headers['content-range'] ?? '')?.[1]
  return text === undefined ? undefined : Number(text)
}

const passingStatuses = new Set([408, 425, 429, 500, 502, 503, 504])

function requireStatus({ status, headers }: Head, url: string, wanted: readonly number[]): void {
  if (wanted.includes(status)) return
  if (!passingStatuses.has(status)) throw downloadRefused(url, status)
  const seconds = Number(headers['retry-after'])
  throw new Passing(`the server answers ${status}`, seconds >= 0 ? Math.min(seconds * 1000, longestDelayMs * 4) : undefined)
}

const fixedHeaders = { 'accept-encoding': 'identity', 'user-agent': 'appliance-pipeline' }

function headersFor({ login }: Client, { origin }: URL): Readonly<Record<string, string>> {
  return login?.origin === origin ? { ...fixedHeaders, authorization: login.authorization } : fixedHeaders
}

const noAnswer = (stallMs: number) => `no answer within ${stallMs / 1000} s`
const nothingCame = (stallMs: number) => `nothing came for ${stallMs / 1000} s`

/** The answer's head, after redirects. */
function open(client: Client, url: string, headers: OutgoingHttpHeaders, signal: AbortSignal, left = mostRedirects): Promise<IncomingMessage> {
  const target = new URL(url)
  const { agents, patience: { stallMs } } = client
  const sent = { ...headers, ...headersFor(client, target) }
  return new Promise((resolve, reject) => {
    const onResponse = (response: IncomingMessage) => {
      const { location } = response.headers
      if (location === undefined || !isRedirect(response.statusCode)) return resolve(response)
      response.resume()
      if (left === 0) return reject(downloadRefused(url, response.statusCode ?? 0))
      const next = new URL(location, target)
      // Never from a protected connection to an open one.
      if (next.protocol !== 'https:' && next.protocol !== target.protocol) return reject(downloadRefused(url, response.statusCode ?? 0))
      open(client, next.href, headers, signal, left - 1).then(resolve, reject)
    }
    const request = target.protocol === 'https:'
      ? httpsGet(target, { agent: agents['https:'], headers: sent, signal }, onResponse)
      : httpGet(target, { agent: agents['http:'], headers: sent, signal }, onResponse)
    request.setTimeout(stallMs, () => request.destroy(new Passing(noAnswer(stallMs))))
    request.once('error', reject)
  })
}

function isRedirect(status = 0): boolean {
  return [301, 302, 303, 307, 308].includes(status)
}

async function receive(client: Client, response: IncomingMessage, take: (part: Buffer) => void): Promise<void> {
  const { stallMs } = client.patience
  const stalled = () => response.destroy(new Passing(nothingCame(stallMs)))
  // The answer forgets its socket when it is read to its end.
  const { socket } = response
  socket.setTimeout(stallMs, stalled)
  try {
    for await (const part of response) {
      take(part as Buffer)
      count(client, (part as Buffer).length)
    }
  } finally {
    socket.off('timeout', stalled)
  }
  if (!response.complete) throw new Passing('the connection ended early')
}

/** What comes ends a time of trouble. */
function count({ received, trouble }: Client, bytes: number): void {
  received.bytes += bytes
  trouble.told = false
}

/** Tries until it works, the trouble is no passing one, or nothing has come for too long. */
async function persist<Value>(
  client: Client,
  url: string,
  signal: AbortSignal,
  attempt: () => Promise<Value>,
  progress: () => number = () => 0
): Promise<Value> {
  let [since, seen, delayMs] = [Date.now(), 0, firstDelayMs]
  for (;;) {
    try {
      return await attempt()
    } catch (error) {
      if (client.signal.aborted) throw client.signal.reason instanceof PipelineError ? client.signal.reason : interrupted()
      if (signal.aborted) throw signal.reason
      const trouble = passingTrouble(error, url)
      if (progress() > seen) [since, seen, delayMs] = [Date.now(), progress(), firstDelayMs]
      const waited = Date.now() - since
      if (waited >= client.patience.giveUpMs) throw downloadFailed(url, trouble.message, Math.round(waited / 1000))
      if (!client.trouble.told) client.onTrouble?.(`${trouble.message}; trying again for ${Math.round(client.patience.giveUpMs / 1000)} s`)
      client.trouble.told = true
      // Spread, so that many ranges do not come back at the same moment.
      await sleep(trouble.waitMs ?? delayMs * (0.5 + Math.random()), undefined, { signal }).catch(() => {})
      delayMs = Math.min(delayMs * 2, longestDelayMs)
    }
  }
}

const words: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there',
  ECONNRESET: 'the connection was cut',
  EPIPE: 'the connection was cut',
  ETIMEDOUT: 'no answer',
  ENOTFOUND: 'its name is not known',
  EAI_AGAIN: 'its name cannot be looked up now',
  EHOSTUNREACH: 'no way leads there',
  ENETUNREACH: 'there is no network',
  HPE_INVALID_CONSTANT: 'it does not speak HTTP',
}

/** Waiting five minutes for a name that nobody knows or for another certificate would only hide a mistake. */
const finalCodes = /^(ENOTFOUND|HPE_.*|.*CERT.*|ERR_(SSL|TLS)_.*|UNABLE_TO_.*|EPROTO)$/

/** What may be better the next time. Errors: everything else. */
function passingTrouble(error: unknown, url: string): Passing {
  if (error instanceof Passing) return error
  const { code, message } = error as NodeJS.ErrnoException
  if (error instanceof PipelineError || code === undefined) throw error
  const said = `${words[code] ?? message}${pastProxy(url, code)}`
  if (finalCodes.test(code)) throw serverUnreachable(url, said)
  return new Passing(said)
}
