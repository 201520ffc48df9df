/** Downloads through trouble: what passes is outlasted, what does not is told. A plain server behind the fault proxy. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { PipelineError, formatError } from '../../pipeline/errors/pipeline-error.js'
import { createHttp } from '../../pipeline/tools/http.js'
import type { Http, Range } from '../../pipeline/tools/http.js'
import { startFaultProxy } from '../fixtures/fault-proxy.js'
import type { FaultProxy } from '../fixtures/fault-proxy.js'
import { startFileServer } from '../fixtures/file-server.js'

const content = randomBytes(300_000)
const folder = t.testdir({ small: 'hello' })
writeFileSync(join(folder, 'file'), content)
const server = await startFileServer(folder)
const proxy = await startFaultProxy(server.url)
t.teardown(async () => {
  await proxy.close()
  server.close()
})

const { signal } = new AbortController()
const trouble: string[] = []
const http = createHttp({ signal, patience: { stallMs: 20_000, giveUpMs: 4000 }, onTrouble: line => void trouble.push(line) })
t.teardown(() => http.close())
t.beforeEach(() => {
  proxy.clear()
  trouble.length = 0
})

const range = (through: FaultProxy, more: Partial<Range> = {}): Range => ({ url: `${through.url}/file`, startBytes: 1000, lengthBytes: 200_000, sizeBytes: content.length, ...more })
const wanted = content.subarray(1000, 201_000)

async function failure(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    if (error instanceof PipelineError) return formatError(error).replaceAll(proxy.url, 'URL')
    throw error
  }
  return 'no error'
}

t.test('a range comes as it is, and an empty one without a request', async t => {
  t.ok((await http.range(range(proxy))).equals(wanted))
  t.equal((await http.range(range(proxy, { lengthBytes: 0 }))).length, 0)
  t.equal(proxy.requests.length, 1)
})

t.test('after a cut only the rest is asked for', async t => {
  proxy.fault({ times: 2 }, { kind: 'cut-response', afterBytes: 50_000 })
  t.ok((await http.range(range(proxy))).equals(wanted))
  t.equal(proxy.requests.reduce((sum, { responseBytes }) => sum + responseBytes, 0), 200_000)
  t.equal(trouble.length > 0, true)
})

t.test('a connection on which nothing comes is given up and made anew', async t => {
  const said: string[] = []
  const hasty = createHttp({ signal, patience: { stallMs: 1500, giveUpMs: 60_000 }, onTrouble: line => void said.push(line) })
  proxy.fault({ times: 1 }, { kind: 'stall', afterBytes: 70_000 })
  t.ok((await hasty.range(range(proxy))).equals(wanted))
  t.equal(said[0], 'nothing came for 1.5 s; trying again for 60 s')
  hasty.close()
})

t.test('a server that only fails is given up after the time that was said', async t => {
  proxy.fault({}, { kind: 'answer', status: 503 })
  t.match(await failure(http.range(range(proxy))), /^error: Could not download URL\/file: the server answers 503; tried for [4-9] s\. \(run the same command again when the server can be reached: what came so far is kept\)$/)
})

t.test('what no later try would change ends at once', async t => {
  const table: Record<string, readonly [() => Promise<unknown>, string]> = {
    'another size': [() => http.range(range(proxy, { sizeBytes: 299_999 })), `error: URL/file has 300000 bytes on the server, and 299999 by the release's index. (it was replaced after the release was published: do not use it, and tell the publisher)`],
    'behind the end': [() => http.range(range(proxy, { startBytes: 400_000, sizeBytes: 700_000 })), `error: URL/file has 300000 bytes on the server, and 700000 by the release's index. (it was replaced after the release was published: do not use it, and tell the publisher)`],
    'not there': [() => http.range(range(proxy, { url: `${proxy.url}/none` })), 'error: The server answered 404 for URL/none. (check the address given with --from, and the names of appliance and version)'],
    'a document too large': [() => http.document(`${proxy.url}/file`, 1000), 'error: URL/file has more than 0 MiB: no document of a release is that large. (check the address given with --from)'],
  }
  for (const [name, [work, message]] of Object.entries(table)) t.equal(await failure(work()), message, name)
})

t.test('a document that is not there is undefined, one that is there whole', async t => {
  t.equal(await http.document(`${proxy.url}/none`, 10), undefined)
  t.equal((await http.document(`${proxy.url}/small`, 10))?.toString(), 'hello')
})

t.test('redirects are followed, but not for ever', async t => {
  const moved = createServer((request, response) => {
    const to = request.url === '/once' ? `${proxy.url}/small` : `${request.url ?? ''}x`
    response.writeHead(302, { location: to }).end()
  })
  await new Promise<void>(resolve => moved.listen(0, '127.0.0.1', resolve))
  t.teardown(() => moved.close())
  const { port } = moved.address() as AddressInfo
  t.equal((await http.document(`http://127.0.0.1:${port}/once`, 10))?.toString(), 'hello')
  t.match(await failure(http.document(`http://127.0.0.1:${port}/ever`, 10)), /^error: The server answered 302 for /)
})

t.test('a certificate that nobody vouches for is refused', async t => {
  const at = (name: string) => join(folder, name)
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('tls.key'), '-out', at('tls.pem'), '-days', '2', '-subj', '/CN=127.0.0.1'], { stdio: 'ignore' })
  const tls = await startFaultProxy(server.url, { tls: { key: readFileSync(at('tls.key'), 'utf8'), cert: readFileSync(at('tls.pem'), 'utf8') } })
  t.teardown(() => tls.close())
  t.match(await failure(http.document(`${tls.url}/small`, 10)), /^error: Cannot download https:\/\/\S+\/small: .*certificate.*\. \(check the address/)
})

t.test('ends at once when it is interrupted', async t => {
  const controller = new AbortController()
  const own: Http = createHttp({ signal: controller.signal, patience: { stallMs: 60_000, giveUpMs: 60_000 } })
  proxy.fault({}, { kind: 'stall', afterBytes: 10 })
  const work = failure(own.range(range(proxy)))
  setTimeout(() => controller.abort(), 100)
  t.match(await work, /^error: Interrupted\./)
  own.close()
})
