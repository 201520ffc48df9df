/** What goes over the wire to an S3 server, where a stand-in in memory would not show it. */
import t from 'tap'
import type { Test } from 'tap'
import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { treeBusy } from '../../pipeline/errors/publish.js'
import type { PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { textBody } from '../../pipeline/tools/body.js'
import { documentLimitBytes } from '../../pipeline/tools/document-limit.js'
import { endpointOf, openBucket, UnclearAnswer } from '../../pipeline/tools/s3.js'
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

type Refusal = readonly [status: number, code: string]
const notImplemented: Refusal = [501, 'NotImplemented']

/** Refuses as it is told, keeps the heads of the rest, and checks bodies by the hash that their signature covers. */
async function poorServer(t: Test, refused: (request: IncomingMessage) => Refusal | undefined) {
  const taken: IncomingMessage[] = []
  const asked: string[] = []
  const server = createServer(async (request, response) => {
    const hash = createHash('sha256')
    for await (const piece of request) hash.update(piece as Buffer)
    asked.push(request.method ?? '')
    const problem = (status: number, code: string) => response.writeHead(status, { 'Content-Type': 'application/xml' }).end(`<?xml version="1.0"?><Error><Code>${code}</Code></Error>`)
    const refusal = refused(request)
    if (refusal) return problem(...refusal)
    if (request.method === 'PUT' && request.headers['x-amz-content-sha256'] !== hash.digest('hex')) return problem(400, 'XAmzContentSHA256Mismatch')
    taken.push(request)
    if (request.method === 'PUT') return response.writeHead(200, { ETag: `"${hello.md5}"` }).end()
    response.writeHead(200, { 'Content-Type': 'application/xml' }).end('<?xml version="1.0"?><InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>')
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const bucket = await testBucket(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, 'images', { patienceMs: 60_000, progress: t.fail })
  t.teardown(() => {
    bucket.close()
    server.close()
  })
  return { bucket, taken, asked }
}

const helloHeaders = { contentType: 'x', cacheControl: 'y', sha256: hello.sha256 }

t.test('a server that knows no SHA-256 checksums gets Content-MD5 and a signed hash, and is asked for them once', async t => {
  const table = { parts: ['x-amz-checksum-sha256'], 'parts and their beginning': ['x-amz-checksum-sha256', 'x-amz-checksum-algorithm'] }
  for (const [what, names] of Object.entries(table)) {
    const { bucket, taken, asked } = await poorServer(t, ({ headers }) => (names.some(name => name in headers) ? notImplemented : undefined))
    const upload = { key: 'k', id: await bucket.startUpload('k', helloHeaders) }
    for (const number of [1, 2]) t.same(await bucket.putPart(upload, number, hello), { etag: hello.md5, sha256Confirmed: false, encrypted: false })
    await bucket.put('k', hello, helloHeaders)
    await bucket.startUpload('k', helloHeaders)
    t.equal(asked.length, taken.length + 1, `${what}: one was refused`)
    const bodies = taken.filter(({ method }) => method === 'PUT')
    t.same(bodies.map(({ headers }) => headers['content-md5']), Array(3).fill(Buffer.from(hello.md5, 'hex').toString('base64')))
    t.notHas(taken.at(-1)?.headers, { 'x-amz-checksum-algorithm': 'SHA256' })
  }
})

t.test('what a server does not know at all is told at once, and not waited for', async t => {
  const { bucket, asked } = await poorServer(t, () => notImplemented)
  const failure = await failureOf(bucket.putPart({ key: 'k', id: 'u' }, 1, hello))
  t.same([failure.code, failure.exitCode, asked.length], ['server-lacks', 6, 2])
  t.match(failure.message, /^Uploading part 1 of k: http:\S+ does not know how to do that \(501 NotImplemented\)\.$/)
  t.match(await failureOf(bucket.putIf('k', hello, helloHeaders, { etag: null, quoted: true })), { code: 'server-lacks' })
})

t.test('what AWS answers to the loser of a race ends no write', async t => {
  const answers: Refusal[] = []
  const { bucket } = await poorServer(t, () => answers.shift())
  const write = (etag: string | null) => {
    return bucket.putIf('k', hello, helloHeaders, { etag, quoted: true }).catch((error: unknown) => (error instanceof UnclearAnswer ? error.failure.answer : (error as PipelineError).code))
  }
  const table: [number, string, string | null, string | undefined][] = [
    [404, 'NoSuchKey', 'e', undefined], [412, 'PreconditionFailed', 'e', undefined], [412, 'PreconditionFailed', null, undefined],
    [404, 'NoSuchKey', null, 'server-refused'], [404, 'NoSuchBucket', 'e', 'bucket-missing'],
    [409, 'ConditionalRequestConflict', 'e', '409 ConditionalRequestConflict'], [409, 'OperationAborted', null, '409 OperationAborted'],
  ]
  for (const [status, name, etag, expected] of table) {
    answers.push([status, name])
    t.equal(await write(etag), expected, `${status} ${name}, ${etag === null ? 'if there is none' : 'if it is as it was'}`)
  }
})

t.test('a HEAD that is refused without a word is explained by a list; where that is fine, the first answer stands', async t => {
  const table: [number, Refusal | undefined, string, RegExp][] = [
    [400, [400, 'ExpiredToken'], 'credentials-expired', /have expired \(400 ExpiredToken\)/],
    [403, [403, 'InvalidAccessKeyId'], 'credentials-wrong', /\(403 InvalidAccessKeyId\)/],
    [403, [403, 'AccessDenied'], 'bucket-denied', /does not allow these credentials/],
    [400, undefined, 'server-refused', /refused it \(400\)/],
  ]
  for (const [status, list, code, message] of table) {
    const { bucket, asked } = await poorServer(t, ({ method }) => (method === 'HEAD' ? [status, ''] : list))
    const failure = await failureOf(bucket.head('k'))
    t.same([failure.code, asked], [code, ['HEAD', 'GET']], `${status}, ${String(list)}`)
    t.match(failure.message, message)
  }
  const { bucket, asked } = await poorServer(t, () => [404, ''])
  t.same([await bucket.head('k'), asked], [undefined, ['HEAD']], 'what is not there needs no explanation')
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

/** This configuration alone: no variable of the test's own machine. */
function configure(t: Test, config: string): void {
  const names = [
    'AWS_CONFIG_FILE', 'AWS_PROFILE', 'AWS_REGION', 'AWS_DEFAULT_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY',
    'AWS_ENDPOINT_URL', 'AWS_ENDPOINT_URL_S3', 'AWS_IGNORE_CONFIGURED_ENDPOINT_URLS',
  ]
  const before = names.map(name => [name, process.env[name]] as const)
  t.teardown(() => {
    for (const [name, value] of before) value === undefined ? delete process.env[name] : (process.env[name] = value)
  })
  for (const name of names) delete process.env[name]
  process.env['AWS_CONFIG_FILE'] = join(t.testdir({ config }), 'config')
}

t.test("the profile's region signs, for its own server and for one that is named; without one there is a usual one", async t => {
  let region: string | undefined
  const server = createServer((request, response) => {
    region = request.headers.authorization?.split('/')[2]
    response.writeHead(404).end()
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const own = `endpoint_url = ${url}\naws_access_key_id = a\naws_secret_access_key = b\n`
  configure(t, `[default]\n${own}[profile own]\n${own}region = eu-central-003\n`)
  const signedFor = async (more: object) => {
    const bucket = await openBucket({ bucket: 'b', env: {}, signal: new AbortController().signal, patienceMs: 1000, ...more } as never)
    await bucket.head('x').catch(() => {})
    bucket.close()
    return region
  }
  t.equal(await signedFor({}), 'us-east-1')
  t.equal(await signedFor({ profile: 'own' }), 'eu-central-003')
  t.equal(await signedFor({ profile: 'own', endpoint: url }), 'eu-central-003')
  t.equal(await signedFor({ profile: 'own', region: 'mars' }), 'mars')
})

t.test('a server that stands in the configuration files is known as such: by its name, its paths and its address on the web', async t => {
  const config = '[default]\nendpoint_url = https://default.example\n[profile own]\nservices = mine\n[services mine]\ns3 =\n  endpoint_url = https://own.example/\n[profile aws]\nregion = eu-west-1\n'
  configure(t, config)
  const opened = async (more: object) => {
    const bucket = await openBucket({ bucket: 'b', env: {}, signal: new AbortController().signal, patienceMs: 1000, ...more } as never)
    bucket.close()
    return [bucket.server, bucket.address]
  }
  t.same(await opened({}), ['https://default.example', 'https://default.example/b'])
  t.same(await opened({ profile: 'own' }), ['https://own.example/', 'https://own.example/b'])
  t.same(await opened({ profile: 'own', pathStyle: false }), ['https://own.example/', 'https://b.own.example'])
  t.same(await opened({ profile: 'aws', region: 'eu-west-1' }), ['AWS eu-west-1', 'https://b.s3.amazonaws.com'])
  t.same(await opened({ profile: 'own', endpoint: 'http://x:9000' }), ['http://x:9000', 'http://x:9000/b'])
  process.env['AWS_IGNORE_CONFIGURED_ENDPOINT_URLS'] = 'true'
  t.same(await opened({ profile: 'own', region: 'eu-west-1' }), ['AWS eu-west-1', 'https://b.s3.amazonaws.com'])
})
