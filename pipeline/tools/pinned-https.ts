/** HTTP to a booted guest through a forwarded port: plain pages, and HTTPS with a pinned certificate and a client's own. */
import { createHash } from 'node:crypto'
import { request as httpRequest } from 'node:http'
import type { IncomingMessage, RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:tls'

export interface HttpAnswer {
  readonly status: number
  readonly body: string
}

export interface ClientIdentity {
  /** PEM. */
  readonly certificate: string
  readonly key: string
}

/** A page on 127.0.0.1. Errors: the system's own (ECONNREFUSED), or a time-out. */
export function getPage(port: number, path: string, timeoutMs: number): Promise<HttpAnswer> {
  const request = httpRequest({ host: '127.0.0.1', port, path, timeout: timeoutMs, agent: false })
  return answerOf(request, timeoutMs)
}

/** The certificate a server shows: PEM and the SHA-256 of its DER form, lower-case hex. */
export function shownCertificate(port: number, timeoutMs: number): Promise<{ pem: string; fingerprint: string }> {
  return new Promise((resolve, reject) => {
    // Not checked here but by its fingerprint, which came another way.
    const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false }, () => {
      const { raw } = socket.getPeerCertificate()
      socket.destroy()
      const pem = `-----BEGIN CERTIFICATE-----\n${raw.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`
      resolve({ pem, fingerprint: createHash('sha256').update(raw).digest('hex') })
    })
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no TLS answer within ${timeoutMs / 1000} s`)))
    socket.once('error', reject)
  })
}

export interface PinnedRequest {
  readonly port: number
  readonly method: string
  readonly path: string
  readonly body?: unknown
  readonly client: ClientIdentity
  /** PEM of the only certificate that is accepted. */
  readonly pinned: string
  readonly timeoutMs: number
}

/** Speaks JSON. Errors: the system's own, a wrong certificate, or a time-out. */
export function requestPinned(options: PinnedRequest): Promise<HttpAnswer> {
  const body = options.body === undefined ? undefined : JSON.stringify(options.body)
  const request = httpsRequest({
    host: '127.0.0.1',
    port: options.port,
    method: options.method,
    path: options.path,
    agent: false,
    cert: options.client.certificate,
    key: options.client.key,
    ca: options.pinned,
    // It names the guest's address, and we come through a forwarded port.
    checkServerIdentity: () => undefined,
    headers: body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
  } satisfies RequestOptions & Record<string, unknown>)
  return answerOf(request, options.timeoutMs, body)
}

type Request = ReturnType<typeof httpRequest>

function answerOf(request: Request, timeoutMs: number, body?: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => request.destroy(new Error(`no answer within ${timeoutMs / 1000} s`)), timeoutMs)
    request.once('close', () => clearTimeout(timer))
    request.once('error', reject)
    request.once('response', (response: IncomingMessage) => {
      const parts: Buffer[] = []
      response.on('data', (part: Buffer) => parts.push(part))
      response.once('error', reject)
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString('utf8') }))
    })
    request.end(body)
  })
}
