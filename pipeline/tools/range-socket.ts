/**
 * Asks for ranges on connections of its own, so that a body's bytes go from the socket straight to their place.
 * Node's client makes a buffer for every 64 KiB that arrive; to copy and collect those took 40 % of a download's
 * processor time. Only the plain answer is understood here: a head, then as many bytes as were asked for.
 */
import { connect, isIP } from 'node:net'
import type { OnReadOpts, Socket } from 'node:net'
import { connect as connectTls } from 'node:tls'

export interface Head {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | undefined>>
}

export interface SocketRange {
  readonly url: URL
  readonly startBytes: number
  /** Gets the bytes; its length is what is asked for, at least one. */
  readonly into: Uint8Array
  readonly headers: Readonly<Record<string, string>>
  readonly signal: AbortSignal
  /** Throws what is wrong with an answer, of whatever status. */
  readonly check: (head: Head) => void
  readonly onBytes: (bytes: number) => void
}

export interface RangeSockets {
  /**
   * False: it was left to Node's client, as every answer of that server will be: a redirect, chunks, a password.
   * Errors: those of `check` and of the network, `stalled`, the signal's reason.
   */
  read(range: SocketRange): Promise<boolean>
  close(): void
}

export interface RangeSocketOptions {
  readonly stallMs: number
  /** The error of a connection on which nothing came for so long. */
  readonly stalled: (answered: boolean) => Error
}

/** Connections that nobody uses are kept for the next range of the same server. */
export function createRangeSockets(options: RangeSocketOptions): RangeSockets {
  const idle = new Map<string, Connection[]>()
  const all = new Set<Connection>()
  const leftToNode = new Set<string>()
  const connectionTo = (url: URL) => {
    const { origin } = url
    const kept = idle.get(origin)?.pop()
    if (kept) return kept
    const made = openConnection(url, options, () => {
      all.delete(made)
      idle.set(origin, (idle.get(origin) ?? []).filter(each => each !== made))
    })
    all.add(made)
    return made
  }
  return {
    read: async range => {
      const { url } = range
      if (url.username !== '' || leftToNode.has(url.origin)) return false
      const connection = connectionTo(url)
      const outcome = await connection.ask(range)
      if (outcome === 'other') leftToNode.add(url.origin)
      if (outcome === 'kept') idle.set(url.origin, [...(idle.get(url.origin) ?? []), connection])
      return outcome !== 'other'
    },
    close: () => all.forEach(connection => connection.end()),
  }
}

/** `kept`: the connection takes the next range. `other`: no plain answer. */
type Outcome = 'kept' | 'ended' | 'other'

interface Connection {
  readonly ask: (range: SocketRange) => Promise<Outcome>
  readonly end: () => void
}

interface Job {
  readonly range: SocketRange
  readonly resolve: (outcome: Outcome) => void
  readonly reject: (error: unknown) => void
}

const longestHeadBytes = 16 * 1024

function openConnection(url: URL, { stallMs, stalled }: RangeSocketOptions, onEnd: () => void): Connection {
  const headBuffer = Buffer.alloc(longestHeadBytes)
  let job: Job | undefined
  let head: Head | undefined
  let filledBytes = 0
  const settle = (how: (job: Job) => void) => {
    const ended = job
    ;[job, head, filledBytes] = [undefined, undefined, 0]
    if (ended) how(ended)
  }
  const end = (how: (job: Job) => void) => {
    settle(how)
    socket.destroy()
  }
  const place = () => (head && job ? job.range.into : headBuffer).subarray(filledBytes)
  const arrived = ({ range: { into, onBytes } }: Job, { headers }: Head, bytes: number) => {
    filledBytes += bytes
    onBytes(bytes)
    if (filledBytes < into.length) return
    if (isKept(headers)) settle(({ resolve }) => resolve('kept'))
    else end(({ resolve }) => resolve('ended'))
  }
  const headArrived = (asked: Job, bytes: number) => {
    filledBytes += bytes
    const held = headBuffer.subarray(0, filledBytes)
    const at = held.indexOf('\r\n\r\n')
    if (at < 0 && filledBytes < longestHeadBytes) return
    const found = at < 0 ? undefined : parseHead(held.toString('latin1', 0, at))
    const rest = held.subarray(at + 4)
    if (found) asked.range.check(found)
    if (!found || !isPlain(found, asked.range) || rest.length > asked.range.into.length) return end(({ resolve }) => resolve('other'))
    asked.range.into.set(rest)
    ;[head, filledBytes] = [found, 0]
    arrived(asked, found, rest.length)
  }
  const take = (bytes: number): boolean => {
    try {
      if (!job) socket.destroy()
      else if (head) arrived(job, head, bytes)
      else headArrived(job, bytes)
    } catch (error) {
      end(({ reject }) => reject(error))
    }
    return true
  }
  const socket = openSocket(url, { buffer: place, callback: take })
  socket.setTimeout(stallMs, () => {
    const error = stalled(head !== undefined)
    end(({ reject }) => reject(error))
  })
  socket.on('error', error => settle(({ reject }) => reject(error)))
  socket.on('close', () => {
    onEnd()
    settle(({ reject }) => reject(Object.assign(new Error('the connection ended'), { code: 'ECONNRESET' })))
  })
  return {
    ask: async range => {
      const { signal } = range
      const abort = () => end(({ reject }) => reject(signal.reason))
      signal.throwIfAborted()
      signal.addEventListener('abort', abort)
      try {
        return await new Promise<Outcome>((resolve, reject) => {
          job = { range, resolve, reject }
          socket.write(requestText(range))
        })
      } finally {
        signal.removeEventListener('abort', abort)
      }
    },
    end: () => void socket.destroy(),
  }
}

function openSocket({ protocol, hostname, port }: URL, onread: OnReadOpts): Socket {
  const host = hostname.replace(/^\[|\]$/g, '')
  if (protocol === 'http:') return connect({ host, port: Number(port) || 80, onread })
  const name = isIP(host) === 0 ? { servername: host } : {}
  // Node takes `onread` here, too (its test-tls-onread-static-buffer.js); the types do not know it.
  const options = { host, port: Number(port) || 443, onread, ALPNProtocols: ['http/1.1'], ...name }
  return connectTls(options)
}

function requestText({ url, startBytes, into, headers }: SocketRange): string {
  const all = { host: url.host, range: `bytes=${startBytes}-${startBytes + into.length - 1}`, connection: 'keep-alive', ...headers }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  return `GET ${url.pathname}${url.search} HTTP/1.1\r\n${lines.join('')}\r\n`
}

/** Undefined for what is no head, or names a thing twice. */
function parseHead(text: string): Head | undefined {
  const [first = '', ...lines] = text.split('\r\n')
  const [, version, status] = /^HTTP\/1\.([01]) (\d{3})(?: |$)/.exec(first) ?? []
  const pairs = lines.map(line => /^([!#$%&'*+.^_`|~\w-]+):[ \t]*(.*?)[ \t]*$/.exec(line))
  if (status === undefined || pairs.includes(null)) return undefined
  const names = pairs.map(pair => (pair?.[1] ?? '').toLowerCase())
  const single = ['content-length', 'content-range', 'transfer-encoding', 'connection']
  if (single.some(name => names.indexOf(name) !== names.lastIndexOf(name))) return undefined
  const headers = Object.fromEntries(pairs.map((pair, at) => [names[at] ?? '', pair?.[2] ?? '']))
  return { status: Number(status), headers: version === '0' ? { ...headers, connection: 'close' } : headers }
}

function isPlain({ status, headers }: Head, { into }: SocketRange): boolean {
  const isEncoded = headers['transfer-encoding'] !== undefined || !/^(identity)?$/i.test(headers['content-encoding'] ?? '')
  return status === 206 && !isEncoded && headers['content-length'] === String(into.length)
}

function isKept(headers: Head['headers']): boolean {
  return !/\bclose\b/i.test(headers['connection'] ?? '')
}
