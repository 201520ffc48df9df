/** Asks a real HTTP server on loopback whether its indexes changed. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { interrupted } from '../../pipeline/errors/tools.js'
import { askMirror } from '../../pipeline/tools/mirror-state.js'
import { failureOf } from '../fixtures/failure.js'
import { inRelease, startIndexServer } from '../fixtures/index-server.js'

const { signal } = new AbortController()
const text = inRelease('Sat, 15 Nov 2025 09:50:13 UTC')
const sha256 = (body: string) => createHash('sha256').update(body).digest('hex')

async function setUp(t: { teardown(done: () => void): unknown }) {
  const server = await startIndexServer()
  t.teardown(server.close)
  server.indexes.set('trixie', text)
  return { server, source: { url: server.url, suite: 'trixie', component: 'main' } }
}

for (const [validator, header] of [['etag', 'if-none-match'], ['last-modified', 'if-modified-since']] as const) {
  t.test(`asks with ${header}, and keeps what it knows when nothing changed`, async t => {
    const { server, source } = await setUp(t)
    server.validator = validator
    const first = await askMirror([source], [], signal)
    t.match(first, [
      { url: `${server.url}/dists/trixie/InRelease`, suite: 'trixie', sha256: sha256(text), date: '2025-11-15T09:50:13.000Z' },
    ])
    t.same(await askMirror([source], first, signal), first)
    t.same(server.requests.map(request => request.status), [200, 304])
    t.equal(server.requests[0]?.headers[header], undefined)
    t.ok(server.requests[1]?.headers[header])
  })
}

t.test('a server without validators sends the file again, and its digest says that it is the same', async t => {
  const { server, source } = await setUp(t)
  server.validator = 'none'
  const first = await askMirror([source], [], signal)
  const second = await askMirror([source], first, signal)
  t.same(server.requests.map(request => request.status), [200, 200])
  t.same(second, first)
})

t.test('tells a changed file', async t => {
  const { server, source } = await setUp(t)
  const first = await askMirror([source], [], signal)
  const changed = inRelease('Sun, 16 Nov 2025 09:50:13 UTC')
  server.indexes.set('trixie', changed)
  const [second] = await askMirror([source], first, signal)
  t.match(second, { sha256: sha256(changed), date: '2025-11-16T09:50:13.000Z' })
  t.not(second?.etag, first[0]?.etag)
})

t.test('a file without a date has the oldest', async t => {
  const { server, source } = await setUp(t)
  server.indexes.set('trixie', 'Origin: Debian\n')
  t.match(await askMirror([source], [], signal), [{ date: '1970-01-01T00:00:00.000Z' }])
})

t.test('says that a mirror has no such suite', async t => {
  const { server, source } = await setUp(t)
  const error = await failureOf(askMirror([{ ...source, suite: 'nosuch' }], [], signal))
  t.equal(
    formatError(error),
    `error: The Debian mirror ${server.url} has no suite "nosuch" (HTTP 404). (name a mirror that carries this release with --mirror URL)`
  )
  t.equal(error.exitCode, 4)
})

const hint = '(try another one with --mirror URL, or --offline to build from the package list of the last build)'

t.test('says that a mirror does not answer, without its password', async t => {
  const { server, source } = await setUp(t)
  const url = `${server.url}/dists/trixie/InRelease`
  server.instead = 503
  t.equal(
    formatError(await failureOf(askMirror([source], [], signal))),
    `error: The Debian mirror does not answer: ${url}: HTTP 503. ${hint}`
  )
  server.close()
  const secret = { ...source, url: source.url.replace('://', '://user:secret@') }
  const error = await failureOf(askMirror([secret], [], signal))
  t.equal(formatError(error), `error: The Debian mirror does not answer: ${url}: ECONNREFUSED. ${hint}`)
  t.equal(error.exitCode, 4)
})

t.test("sends the URL's user and password, and keeps neither", async t => {
  const { server, source } = await setUp(t)
  const secret = { ...source, url: source.url.replace('://', '://us%40er:p%3Aw@') }
  const first = await askMirror([secret], [], signal)
  const expected = `Basic ${Buffer.from('us@er:p:w').toString('base64')}`
  t.equal(server.requests[0]?.headers.authorization, expected)
  t.equal(first[0]?.url, `${server.url}/dists/trixie/InRelease`)
  await askMirror([secret], first, signal)
  t.equal(server.requests[1]?.status, 304, 'what is known is found without them')
})

t.test('ends at once when it is interrupted', async t => {
  const { server, source } = await setUp(t)
  server.instead = 'silence'
  const controller = new AbortController()
  const asking = failureOf(askMirror([source], [], controller.signal))
  const started = Date.now()
  setTimeout(() => controller.abort(interrupted()), 50)
  t.equal((await asking).code, 'interrupted')
  t.ok(Date.now() - started < 5000)
})
