/** What goes over the wire to an S3 server, where a stand-in in memory would not show it. */
import t from 'tap'
import type { Test } from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { treeBusy } from '../../pipeline/errors/publish.js'
import { textBody } from '../../pipeline/tools/body.js'
import { documentLimitBytes } from '../../pipeline/tools/document-limit.js'
import { endpointOf, UnclearAnswer } from '../../pipeline/tools/s3.js'
import { failureOf } from '../fixtures/failure.js'
import { testBucket } from '../fixtures/s3-server.js'

const hello = textBody('hello')
const sum = Buffer.from(hello.sha256, 'hex').toString('base64')

/** Answers as AWS does to the requests of one upload in parts. */
async function partServer(t: Test) {
  const seen: string[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const piece of request) text += String(piece)
    const part = request.method === 'PUT'
    seen.push(`${request.method} ${request.headers['x-amz-checksum-algorithm'] ?? ''} ${part ? '' : text}`.trim())
    if (part) return response.writeHead(200, { ETag: '"e"', 'x-amz-checksum-sha256': request.headers['x-amz-checksum-sha256'] }).end()
    const held = `<Part><PartNumber>1</PartNumber><Size>5</Size><ETag>"e"</ETag><ChecksumSHA256>${sum}</ChecksumSHA256></Part>`
    const body = request.method === 'GET' ? `<ListPartsResult>${held}</ListPartsResult>` : '<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>'
    response.writeHead(200, { 'Content-Type': 'application/xml' }).end(`<?xml version="1.0"?>${body}`)
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, seen }
}

t.test('an upload that was begun with SHA-256 checksums is completed with that of each part', async t => {
  const { url, seen } = await partServer(t)
  const bucket = await testBucket(url, 'images')
  t.teardown(() => bucket.close())
  const upload = { key: 'k', id: await bucket.startUpload('k', { contentType: 'x', cacheControl: 'y', sha256: hello.sha256 }) }
  t.match(seen[0], /^POST SHA256/)
  t.match(await bucket.putPart(upload, 1, hello), { sha256Confirmed: true })
  const listed = await bucket.listParts(upload)
  t.same(listed, [{ number: 1, sizeBytes: 5, etag: 'e', sha256: hello.sha256 }])
  t.ok(await bucket.finishUpload(upload, listed ?? []))
  t.match(seen.at(-1), `<ChecksumSHA256>${sum}</ChecksumSHA256>`)
})

/** Sends zeros: as many as it announces, or, where it announces none, so many and no end of them. */
async function zeroServer(t: Test) {
  const sent = { bytes: 0 }
  const zeros = Buffer.alloc(1024 * 1024)
  const server = createServer((request, response) => {
    const [, kind, size = 0] = /\/(announced|endless)-(\d+)\.xml/.exec(request.url ?? '') ?? []
    response.writeHead(200, { ETag: '"e"', ...(kind === 'announced' ? { 'Content-Length': size } : {}) })
    sent.bytes = 0
    const send = () => {
      const left = kind === 'announced' ? Number(size) - sent.bytes : zeros.length
      const part = zeros.subarray(0, Math.min(left, zeros.length))
      if (response.destroyed) return
      if (part.length === 0) return void response.end()
      sent.bytes += part.length
      response.write(part, send)
    }
    send()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const bucket = await testBucket(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'images', { patienceMs: 60_000, progress: t.fail })
  t.teardown(() => {
    bucket.close()
    server.closeAllConnections()
    server.close()
  })
  return { bucket, sent }
}

t.test('a document that is larger than any is refused at once, and not read to its end', async t => {
  const { bucket, sent } = await zeroServer(t)
  t.equal((await bucket.get(`announced-${documentLimitBytes}.xml`))?.text.length, documentLimitBytes)
  for (const [key, mostBytes] of [[`announced-${documentLimitBytes * 64}.xml`, documentLimitBytes], ['endless-0.xml', documentLimitBytes * 2]] as const) {
    const failure = await failureOf(bucket.get(key))
    t.same([failure.code, failure.exitCode, failure.message, failure.details], ['document-wrong', 5, `${key} is not what a published tree holds.`, ['it has more than 16 MiB']])
    const before = sent.bytes
    t.ok(before < mostBytes, `${key}: ${before}`)
  }
})

t.test('an endpoint is an address without a password; nothing else is begun with', async t => {
  t.equal(endpointOf({ env: {} }), undefined)
  t.equal(endpointOf({ env: { AWS_ENDPOINT_URL: 'http://a:9000', AWS_ENDPOINT_URL_S3: 'http://b:9000' } }), 'http://b:9000')
  t.equal(endpointOf({ endpoint: 'https://c', env: { AWS_ENDPOINT_URL: 'http://a:9000' } }), 'https://c')
  const table = { 'localhost:9000': 'localhost:9000', 'ftp://a': 'ftp://a', '': '', 'http://a:99999': 'http://a:99999', 'http://user:secret@a:9000': 'http://***@a:9000', 'user:secret@a:9000': '***@a:9000' }
  for (const [endpoint, shown] of Object.entries(table)) {
    t.throws(() => endpointOf({ endpoint, env: {} }), { code: 'endpoint-wrong', exitCode: 2, message: `"${shown}" is no address of an S3 server.` }, endpoint)
  }
})

t.test('a write with a limit is ended by it, and nobody knows what it did', async t => {
  const server = createServer(request => void request.resume())
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const bucket = await testBucket(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'images')
  t.teardown(() => {
    bucket.close()
    server.closeAllConnections()
    server.close()
  })
  const headers = { contentType: 'text/plain', cacheControl: 'no-store', sha256: hello.sha256 }
  const ended = await bucket.tryPut('x', hello, headers, 200).then(() => undefined, (error: unknown) => error)
  t.ok(ended instanceof UnclearAnswer)
  t.match(ended, { failure: { kind: 'again', answer: 'connection cut' } })
})

t.test('who holds something asks for it before each try of what changes something, and for nothing else', async t => {
  let [requests, asked] = [0, 0]
  const server = createServer((request, response) => {
    request.resume()
    requests += 1
    response.writeHead(request.method === 'HEAD' ? 404 : 503).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const bucket = await testBucket(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'images', { patienceMs: 60_000 })
  t.teardown(() => bucket.close())
  const held = bucket.holding(async () => {
    asked += 1
    if (asked % 3 === 0) throw treeBusy('it was lost')
  })
  await held.head('k')
  t.same([requests, asked], [1, 0])
  const upload = { key: 'k', id: 'u' }
  const changes = [
    () => held.put('k', hello, { contentType: 'x', cacheControl: 'y', sha256: hello.sha256 }), () => held.remove(['k']), () => held.putPart(upload, 1, hello),
    () => held.startUpload('k', { contentType: 'x', cacheControl: 'y', sha256: hello.sha256 }), () => held.finishUpload(upload, []),
  ]
  for (const change of changes) {
    [requests, asked] = [0, 0]
    t.match(await failureOf(change()), { code: 'tree-busy' })
    t.same([requests, asked], [2, 3], 'two tries, and no third')
  }
})
