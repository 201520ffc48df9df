/** The fault proxy does to a plain server's answers what its rules say: tests of faults stand on it. */
import t from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startFaultProxy } from './fixtures/fault-proxy.js'
import type { Fault, FaultProxy } from './fixtures/fault-proxy.js'

const content = Buffer.alloc(100_000, 'abcdefghij')
const stored: string[] = []

const server = createServer((request, response) => {
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    if (request.method === 'PUT') stored.push(Buffer.concat(parts).toString())
    const body = request.method === 'GET' ? content : ''
    response.writeHead(200, { etag: '"right"', 'x-host': request.headers.host ?? '' }).end(body)
  })
})
await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
const proxy = await startFaultProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
t.teardown(async () => {
  await proxy.close()
  server.closeAllConnections()
  server.close()
})

/** Status and body's length, or why there was none. */
async function get(path = '/a'): Promise<{ status: number; bytes: number } | string> {
  try {
    const response = await fetch(`${proxy.url}${path}`, { signal: AbortSignal.timeout(3000) })
    const body = await response.arrayBuffer().catch((error: Error) => `cut: ${error.message}`)
    return typeof body === 'string' ? body : { status: response.status, bytes: body.byteLength }
  } catch (error) {
    return error instanceof Error ? error.name : 'no error'
  }
}

async function withFault<Result>(fault: Fault, work: (proxy: FaultProxy) => Promise<Result>): Promise<Result> {
  const rule = proxy.fault({}, fault)
  try {
    return await work(proxy)
  } finally {
    rule.remove()
  }
}

t.test('without a rule everything passes, with the host the client named', async t => {
  const response = await fetch(`${proxy.url}/b?c=d`)
  t.same(Buffer.from(await response.arrayBuffer()), content)
  t.equal(response.headers.get('x-host'), proxy.url.replace('http://', ''))
  const seen = proxy.requests.at(-1)
  t.match(seen, { method: 'GET', path: '/b?c=d', status: 200, responseBytes: 100_000 })
})

t.test('a rule catches as many as it says, after as many as it says', async t => {
  const rule = proxy.fault({ path: /storm/, skip: 1, times: 2 }, { kind: 'answer', status: 503, code: 'SlowDown' })
  const seen = []
  for (let n = 0; n < 4; n += 1) seen.push(((await get('/storm')) as { status: number }).status)
  t.same(seen, [200, 503, 503, 200])
  t.same([((await get('/other')) as { status: number }).status, rule.hits], [200, 2])
  rule.remove()
})

t.test('connections break, stall and are slow', async t => {
  t.same(await withFault({ kind: 'cut-response', afterBytes: 1000 }, () => get()), 'cut: terminated')
  t.match(await withFault({ kind: 'stall', afterBytes: 1000 }, () => get()), /^cut: The operation was aborted/)
  const started = Date.now()
  t.same(await withFault({ kind: 'slow', bytesPerSecond: 200_000 }, () => get()), { status: 200, bytes: 100_000 })
  t.ok(Date.now() - started >= 400)
  t.same(await withFault({ kind: 'cut-request', afterBytes: 0 }, () => get()), 'TypeError')
})

t.test('a lost part is answered as stored and is not', async t => {
  const put = () => fetch(`${proxy.url}/part`, { method: 'PUT', body: 'hello' })
  const lost = await withFault({ kind: 'lose' }, put)
  t.same([lost.status, lost.headers.get('etag'), stored.length], [200, '"5d41402abc4b2a76b9719d911017c592"', 0])
  const after = await withFault({ kind: 'answer-after', status: 500 }, put)
  t.same([after.status, stored], [500, ['hello']])
})

t.test('headers and bodies are tampered with', async t => {
  const wrong = await withFault({ kind: 'headers', headers: { etag: '"wrong"' } }, ({ url }) => fetch(url))
  t.equal(wrong.headers.get('etag'), '"wrong"')
  await wrong.arrayBuffer()
  const changed = await withFault({ kind: 'body', change: body => body.subarray(10) }, () => get())
  t.same(changed, { status: 200, bytes: 99_990 })
})

t.test('headers of a request are changed before the server sees them, where the rule asks for one of them', async t => {
  const rule = proxy.fault({ header: 'x-old' }, { kind: 'request', change: ({ headers }) => ({ ...headers, host: 'changed' }) })
  const ask = async (headers: Record<string, string>) => {
    const response = await fetch(proxy.url, { headers })
    await response.arrayBuffer()
    return response.headers.get('x-host')
  }
  t.equal(await ask({ 'x-old': '1' }), 'changed')
  t.equal(await ask({}), new URL(proxy.url).host)
  rule.remove()
})

t.test('a server with a wrong clock refuses requests signed for another time', async t => {
  const amz = (ms: number) => new Date(Date.now() + ms).toISOString().replace(/[-:]|\.\d+/g, '')
  const skew = { kind: 'skew', milliseconds: 3_600_000 } as const
  const statuses = await withFault(skew, async ({ url }) => {
    const ask = async (ms: number) => (await fetch(url, { headers: { 'x-amz-date': amz(ms) } })).status
    return [await ask(0), await ask(3_600_000)]
  })
  t.same(statuses, [403, 200])
})

t.test('a server that is gone comes back on the same port', async t => {
  await proxy.leave()
  t.equal(await get(), 'TypeError')
  await proxy.comeBack()
  t.same(await get(), { status: 200, bytes: 100_000 })
})
