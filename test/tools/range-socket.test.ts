/** Ranges on connections of their own, from plain servers: Node's, and one that sends whatever it is told to. */
import t from 'tap'
import type { Test } from 'tap'
import { randomBytes } from 'node:crypto'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { createServer as createRawServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { createRangeSockets } from '../../pipeline/tools/range-socket.js'
import type { Head, RangeSockets, SocketRange } from '../../pipeline/tools/range-socket.js'

const content = randomBytes(500_000)

async function listen(t: Test, server: Server): Promise<URL> {
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/file?a=b`)
}

const ofRange: RequestListener = ({ headers: { range = '' }, url }, response) => {
  const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
  const body = content.subarray(Number(from), Number(to) + 1)
  response.writeHead(url === '/file?a=b' ? 206 : 404, { 'content-length': body.length, 'content-range': `bytes ${from}-${to}/${content.length}` }).end(body)
}

function open(t: Test, stallMs = 60_000): RangeSockets {
  const sockets = createRangeSockets({ stallMs, stalled: answered => new Error(answered ? 'nothing more' : 'no answer') })
  t.teardown(() => sockets.close())
  return sockets
}

const rangeOf = (url: URL, more: Partial<SocketRange> = {}): SocketRange => ({
  url, startBytes: 1000, into: Buffer.alloc(400_000), headers: { 'user-agent': 'test' }, signal: new AbortController().signal, check: () => {}, onBytes: () => {}, ...more,
})

/** Answers each request with these bytes, and ends when told to. */
const rawServer = (answer: string, end = false) => createRawServer(socket => {
  socket.on('error', () => {})
  socket.on('data', () => (end ? socket.end(answer, 'latin1') : socket.write(answer, 'latin1')))
})

t.test('bytes come to their place, and one connection serves one range after the other', async t => {
  const server = createServer(ofRange)
  let connections = 0
  server.on('connection', () => (connections += 1))
  const [url, sockets] = [await listen(t, server), open(t)]
  let counted = 0
  for (const startBytes of [1000, 0, 100_000]) {
    const into = Buffer.from(new SharedArrayBuffer(400_000))
    t.equal(await sockets.read(rangeOf(url, { startBytes, into, onBytes: bytes => void (counted += bytes) })), true)
    t.ok(into.equals(content.subarray(startBytes, startBytes + into.length)))
  }
  t.same([connections, counted], [1, 1_200_000])
})

t.test('ranges at once come on connections of their own', async t => {
  const [url, sockets] = [await listen(t, createServer(ofRange)), open(t)]
  const ranges = [0, 1, 2, 3].map(startBytes => rangeOf(url, { startBytes, into: Buffer.alloc(300_000) }))
  await Promise.all(ranges.map(range => sockets.read(range)))
  for (const { startBytes, into } of ranges) t.ok(content.subarray(startBytes, startBytes + 300_000).equals(into))
})

t.test('a head that comes in pieces is a head, and a server that closes is asked on a new connection', async t => {
  const server = createRawServer(socket => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 206 Partial Content\r\nContent-Le')
      setTimeout(() => socket.end('ngth: 4\r\nConnection: close\r\n\r\nabcd'), 30)
    })
  })
  const [url, sockets] = [await listen(t, server), open(t)]
  for (const _ of [1, 2]) {
    const into = Buffer.alloc(4)
    t.equal(await sockets.read(rangeOf(url, { into })), true)
    t.equal(into.toString(), 'abcd')
  }
})

t.test('every other answer is left to the client of Node, with all that follow of that server', async t => {
  const table: Record<string, string> = {
    'a redirect': 'HTTP/1.1 302 Found\r\nLocation: /other\r\nContent-Length: 0\r\n\r\n',
    'the whole file': 'HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabcd',
    'chunks': 'HTTP/1.1 206 Partial Content\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n0\r\n\r\n',
    'compression': 'HTTP/1.1 206 Partial Content\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nabcd',
    'another length': 'HTTP/1.1 206 Partial Content\r\nContent-Length: 3\r\n\r\nabc',
    'more than it says': 'HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n\r\nabcde',
    'two lengths': 'HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcd',
    'a folded header': 'HTTP/1.1 206 Partial Content\r\nX: 1\r\n Y: 2\r\nContent-Length: 4\r\n\r\nabcd',
    'no HTTP': 'SSH-2.0-OpenSSH_9.2\r\n\r\n',
    'a head without an end': 'x'.repeat(20_000),
  }
  for (const [name, answer] of Object.entries(table)) {
    const server = rawServer(answer)
    let connections = 0
    server.on('connection', () => (connections += 1))
    const [url, sockets] = [await listen(t, server), open(t)]
    for (const _ of [1, 2]) t.equal(await sockets.read(rangeOf(url, { into: Buffer.alloc(4) })), false, name)
    t.equal(connections, 1, name)
  }
})

t.test('an address with a password is left to the client of Node', async t => {
  const url = await listen(t, createServer(ofRange))
  t.equal(await open(t).read(rangeOf(new URL(url.href.replace('//', '//me:secret@')))), false)
})

t.test('what is wrong with an answer is said by whoever asked', async t => {
  const url = await listen(t, createServer(ofRange))
  const seen: Head[] = []
  const check = (head: Head) => {
    seen.push(head)
    throw new Error('refused')
  }
  await t.rejects(open(t).read(rangeOf(new URL('/none', url), { check })), { message: 'refused' })
  t.match(seen, [{ status: 404, headers: { 'content-range': 'bytes 1000-400999/500000' } }])
})

t.test('a connection that ends early or on which nothing comes is an error, and so is an abort', async t => {
  const half = 'HTTP/1.1 206 Partial Content\r\nContent-Length: 4\r\n\r\nab'
  const into = Buffer.alloc(4)
  await t.rejects(open(t).read(rangeOf(await listen(t, rawServer(half, true)), { into })), { code: 'ECONNRESET' })
  await t.rejects(open(t, 1000).read(rangeOf(await listen(t, rawServer(half)), { into })), { message: 'nothing more' })
  await t.rejects(open(t, 1000).read(rangeOf(await listen(t, rawServer('')), { into })), { message: 'no answer' })
  const stop = new AbortController()
  setTimeout(() => stop.abort(new Error('stop')), 50)
  await t.rejects(open(t).read(rangeOf(await listen(t, rawServer(half)), { into, signal: stop.signal })), { message: 'stop' })
})
