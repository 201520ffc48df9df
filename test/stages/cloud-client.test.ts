/** cloud-client: the token, the pinned certificate, errors of the API; against a real TLS server. */
import t from 'tap'
import { X509Certificate } from 'node:crypto'
import { createServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { joinCloud, makeClientIdentity, parseToken } from '../../pipeline/stages/cloud-client.js'
import { failureOf } from '../fixtures/failure.js'
import { realRun } from '../fixtures/sealed-disk.js'

const token = (content: object) => Buffer.from(JSON.stringify(content)).toString('base64')

interface Seen {
  readonly wanted: string
  readonly body: string
  /** Common name of the client's certificate. */
  readonly client: string
}

/** Answers `METHOD path` with [status, body]; everything else with 404. */
async function cloud(t: { testdir(): string; teardown(end: () => unknown): void }, answers: Readonly<Record<string, [number, string]>>) {
  const identity = await makeClientIdentity(t.testdir(), realRun)
  const seen: Seen[] = []
  const server = createServer({ key: identity.key, cert: identity.certificate, requestCert: true, rejectUnauthorized: false }, async (request, response) => {
    const parts: Buffer[] = []
    for await (const part of request) parts.push(part as Buffer)
    const wanted = `${request.method} ${request.url}`
    const peer = (request.socket as import('node:tls').TLSSocket).getPeerCertificate()
    seen.push({ wanted, body: Buffer.concat(parts).toString(), client: String(peer.subject?.CN) })
    const [status, body] = answers[wanted] ?? [404, '{"type":"error","error":"not found"}']
    response.writeHead(status).end(body)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const fingerprint = new X509Certificate(identity.certificate).fingerprint256.replaceAll(':', '').toLowerCase()
  const access = { port: (server.address() as AddressInfo).port, client: identity, timeoutMs: 2000, token: token({ fingerprint, secret: 's' }) }
  return { access, seen, fingerprint }
}

const joined: Readonly<Record<string, [number, string]>> = { 'POST /1.0/certificates': [200, '{"type":"sync","metadata":null}'] }

t.test('joins with the whole token, shows its certificate, and waits for operations', async t => {
  const { access, seen, fingerprint } = await cloud(t, {
    ...joined,
    'PUT /1.0/x': [202, '{"type":"async","operation":"/1.0/operations/7?project=demo"}'],
    'GET /1.0/operations/7/wait?timeout=2&project=demo': [200, '{"type":"sync","metadata":{"status":"Success","id":7}}'],
  })
  const client = await joinCloud(access)
  t.equal(client.fingerprint, fingerprint)
  t.strictSame(await client.call('PUT', '/1.0/x', { a: 1 }), { status: 'Success', id: 7 })
  t.strictSame(seen, [
    { wanted: 'POST /1.0/certificates', body: JSON.stringify({ type: 'client', trust_token: access.token }), client: 'verification' },
    { wanted: 'PUT /1.0/x', body: '{"a":1}', client: 'verification' },
    { wanted: 'GET /1.0/operations/7/wait?timeout=2&project=demo', body: '', client: 'verification' },
  ])
})

t.test('tells nothing to a server that the token does not name', async t => {
  const { access, seen, fingerprint } = await cloud(t, joined)
  const error = await failureOf(joinCloud({ ...access, token: token({ fingerprint: 'f00', secret: 's' }) }))
  t.equal(error.message, `The API's certificate is ${fingerprint}, the token names f00.`)
  t.equal(error.exitCode, 5)
  t.strictSame(seen, [])
})

for (const [what, answer, message] of [
  ['an error', [403, '{"type":"error","error":"not authorized"}'], '403 not authorized'],
  ['a page instead of JSON', [502, '<html>'], 'status 502 and no JSON'],
] as const) {
  t.test(`passes on ${what}`, async t => {
    const { access } = await cloud(t, { 'POST /1.0/certificates': [answer[0], answer[1]] })
    const error = await failureOf(joinCloud(access))
    t.equal(error.message, `The cloud's API answered POST /1.0/certificates with: ${message}.`)
  })
}

t.test('passes on why an operation failed', async t => {
  const { access } = await cloud(t, {
    ...joined,
    'PUT /1.0/x': [202, '{"type":"async","operation":"/1.0/operations/7"}'],
    'GET /1.0/operations/7/wait?timeout=2': [200, '{"type":"sync","metadata":{"status":"Failure","err":"no space"}}'],
  })
  const client = await joinCloud(access)
  t.equal((await failureOf(client.call('PUT', '/1.0/x'))).message, 'The cloud\'s API answered PUT /1.0/x with: no space.')
})

t.test('says so when nobody listens', async t => {
  const { access } = await cloud(t, joined)
  const error = await failureOf(joinCloud({ ...access, port: 1 }))
  t.match(error.message, /^The cloud's API answered the first connection with: .*ECONNREFUSED/)
})

t.test('refuses what is no token of Incus', async t => {
  t.strictSame(parseToken(token({ fingerprint: 'a', secret: 'b', addresses: [] })), { fingerprint: 'a', secret: 'b' })
  for (const text of ['', 'not base64 json', token({ secret: 'b' })]) {
    t.throws(() => parseToken(text), { message: 'The api-token is no trust token of Incus.' })
  }
})
