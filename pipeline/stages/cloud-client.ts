/** A client of the appliance's cloud: joins with the token a person is shown, then speaks Incus's REST API. */
// https://linuxcontainers.org/incus/docs/main/rest-api-spec/
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { apiRefused, promiseBroken } from '../errors/verify.js'
import type { Run } from '../tools/command.js'
import { requestPinned, shownCertificate } from '../tools/pinned-https.js'
import type { ClientIdentity } from '../tools/pinned-https.js'

export interface CloudClient {
  /** SHA-256 of the API's certificate, hex. */
  readonly fingerprint: string
  /** `metadata` of the answer; an operation is waited for. Errors: `api-refused` (exit 5). */
  call(method: 'GET' | 'POST' | 'PUT' | 'DELETE', path: string, body?: unknown): Promise<unknown>
}

export interface TrustToken {
  /** SHA-256 of the server's certificate. */
  readonly fingerprint: string
  readonly secret: string
}

/** Errors: `promise-broken` (exit 5). */
export function parseToken(token: string): TrustToken {
  let found: { fingerprint?: unknown; secret?: unknown } = {}
  try {
    found = JSON.parse(Buffer.from(token, 'base64').toString('utf8')) as typeof found
  } catch {
    // Told below.
  }
  const { fingerprint, secret } = found
  if (typeof fingerprint !== 'string' || typeof secret !== 'string') throw promiseBroken('The api-token is no trust token of Incus')
  return { fingerprint, secret }
}

/** A self-signed certificate for one boot. Errors: those of Run. */
export async function makeClientIdentity(directory: string, run: Run): Promise<ClientIdentity> {
  const [key, certificate] = [join(directory, 'client.key'), join(directory, 'client.crt')]
  await run([
    'openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-nodes', '-days', '2',
    '-subj', '/CN=verification', '-keyout', key, '-out', certificate,
  ], { reason: 'make client certificates for verification' })
  return { key: await readFile(key, 'utf8'), certificate: await readFile(certificate, 'utf8') }
}

export interface CloudAccess {
  /** Of the API on 127.0.0.1. */
  readonly port: number
  readonly token: string
  readonly client: ClientIdentity
  /** For one request, and for one operation, ms. */
  readonly timeoutMs: number
}

/** Checks the server by the token's fingerprint and joins. Errors: `promise-broken`, `api-refused` (exit 5). */
export async function joinCloud(access: CloudAccess): Promise<CloudClient> {
  const wanted = parseToken(access.token).fingerprint
  const { pem, fingerprint } = await shownCertificate(access.port, access.timeoutMs).catch((error: Error) => {
    throw apiRefused('the first connection', error.message)
  })
  if (fingerprint !== wanted) throw promiseBroken(`The API's certificate is ${fingerprint}, the token names ${wanted}`)
  const client: CloudClient = { fingerprint, call: (method, path, body) => call(access, pem, { method, path, body }) }
  await client.call('POST', '/1.0/certificates', { type: 'client', trust_token: access.token })
  return client
}

interface Call {
  readonly method: string
  readonly path: string
  readonly body?: unknown
}

interface Answer {
  readonly type?: string
  readonly error?: string
  readonly operation?: string
  readonly metadata?: unknown
}

async function call(access: CloudAccess, pinned: string, wanted: Call): Promise<unknown> {
  const answer = await ask(access, pinned, wanted)
  if (answer.type !== 'async' || answer.operation === undefined) return answer.metadata
  const seconds = Math.ceil(access.timeoutMs / 1000)
  // The operation's path may bear its own ?project=.
  const [path, query] = answer.operation.split('?')
  const wait = `${path}/wait?timeout=${seconds}${query ? `&${query}` : ''}`
  const { metadata } = await ask({ ...access, timeoutMs: access.timeoutMs + 5000 }, pinned, { method: 'GET', path: wait })
  const done = metadata as { status?: string; err?: string } | undefined
  if (done?.status !== 'Success') throw apiRefused(`${wanted.method} ${wanted.path}`, done?.err || `operation ${done?.status ?? 'lost'}`)
  return metadata
}

async function ask(access: CloudAccess, pinned: string, { method, path, body }: Call): Promise<Answer> {
  const request = `${method} ${path}`
  const { port, client, timeoutMs } = access
  const { status, body: text } = await requestPinned({ port, method, path, body, client, pinned, timeoutMs }).catch((error: Error) => {
    throw apiRefused(request, error.message)
  })
  let answer: Answer
  try {
    answer = JSON.parse(text) as Answer
  } catch {
    throw apiRefused(request, `status ${status} and no JSON`)
  }
  if (answer.type === 'error' || status >= 400) throw apiRefused(request, `${status} ${answer.error ?? ''}`.trim())
  return answer
}
