/** What was published to a real S3 server is fetched by our own command and by stock programs, through faults and kills. */
import t from 'tap'
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, rmdirSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { checkLines } from '../../pipeline/release/page-check.js'
import { changingHeaders } from '../../pipeline/release/object-headers.js'
import { parseSealed } from '../../pipeline/release/seal.js'
import { textBody } from '../../pipeline/tools/body.js'
import { allowedSigners } from '../../pipeline/tools/signature.js'
import { startCli } from '../fixtures/cli-run.js'
import { startFaultProxy } from '../fixtures/fault-proxy.js'
import { makeSshKey } from '../fixtures/keys.js'
import { runMain } from '../fixtures/main-run.js'
import { makePublicBucket } from '../fixtures/public-bucket.js'
import { publishedFolder } from '../fixtures/published-folder.js'
import { makeRelease } from '../fixtures/release.js'
import { startS3Server, testBucket } from '../fixtures/s3-server.js'

const server = await startS3Server()
t.teardown(() => server.close())
Object.assign(process.env, server.env)
await makePublicBucket(server.url, 'fetch-images')
const proxy = await startFaultProxy(server.url)
t.teardown(() => proxy.close())

const directory = t.testdir({ artifacts: {}, out: {} })
const key = makeSshKey(join(directory, 'key'))
const mib = 1024 * 1024
const version = '1.0.0+20260101.aaaaaaaa'
const files = { kvm: { 'ciab.qcow2': 20 * mib + 4711, 'start.sh': '#!/bin/sh\n', 'README für alle.txt': 'read me\n', empty: '' } }
const release = await makeRelease(join(directory, 'artifacts'), { version, files })
const disk = readFileSync(join(release, 'kvm/ciab.qcow2'))
const digest = createHash('sha256').update(disk).digest('hex')
const base = `${proxy.url}/fetch-images/daily`
const signing = ['--sign-key', key, '--store', join(directory, 'state')]

t.before(async () => {
  for (const argv of [['sign', release], ['publish', release, '--to', 's3://fetch-images/daily', '--channel', 'stable']]) {
    const { code, stderr } = await runMain([...argv, ...signing])
    if (code !== 0) throw new Error(stderr)
  }
})

const fetchArguments = (output: string) => [
  'fetch', 'ciab', '--from', base, '--key', `${key}.pub`, '--output', output, '--store', join(directory, 'reader'), '--patience', '60',
]

t.test('fetch takes what publish wrote, over storms and cut connections', async t => {
  proxy.fault({ times: 2 }, { kind: 'answer', status: 503, code: 'SlowDown' })
  proxy.fault({ path: /qcow2$/, times: 3 }, { kind: 'cut-response', afterBytes: mib })
  const output = join(directory, 'out/first')
  const { code, stdout, stderr } = await runMain(fetchArguments(output))
  t.same([code, stdout], [0, `${output}/ciab-${version}/kvm\n`], stderr)
  t.ok(readFileSync(join(output, `ciab-${version}/kvm/ciab.qcow2`)).equals(disk))
  t.equal(readFileSync(join(output, `ciab-${version}/kvm/README für alle.txt`), 'utf8'), 'read me\n')
  const sums = await promisify(execFile)('sha256sum', ['-c', '--quiet', '--strict', '--ignore-missing', 'SHA256SUMS'], { cwd: join(output, `ciab-${version}`) })
  t.equal(sums.stdout, '')
  proxy.clear()
})

t.test('the lines of the download page work as they are, and curl goes on where it was broken off', async t => {
  const answer = await fetch(`${base}/ciab/${encodeURIComponent(version)}/index.json`)
  const { signed } = parseSealed(await answer.text(), { kind: 'release', appliance: 'ciab', key: `ciab/${version}/index.json`, what: 'index.json' })
  const target = signed.targets[0]
  if (!target) throw new Error('no target')
  const lines = checkLines(signed, target, `${base}/`)
  t.equal(lines.length, 4)
  const folder = join(directory, 'plain')
  mkdirSync(folder)
  const shell = (line: string) => promisify(execFile)('sh', ['-c', line], { cwd: folder })
  writeFileSync(join(folder, 'allowed_signers'), allowedSigners([readFileSync(`${key}.pub`, 'utf8').trim()]))
  const cut = proxy.fault({ path: /qcow2$/, times: 1 }, { kind: 'cut-response', afterBytes: 5 * mib })
  await t.rejects(shell(lines[0] ?? ''), 'the connection breaks')
  for (const line of lines) await shell(line)
  t.equal(cut.hits, 1)
  t.equal(createHash('sha256').update(readFileSync(join(folder, 'ciab.qcow2'))).digest('hex'), digest)
  t.ok(proxy.requests.some(({ headers }) => /^bytes=[1-9]\d*-$/.test(headers.range ?? '')), 'the second time curl asked for the rest')
  writeFileSync(join(folder, 'SHA256SUMS'), readFileSync(join(folder, 'SHA256SUMS'), 'utf8').replace(/^./, 'x'))
  await t.rejects(shell(lines[2] ?? ''), 'changed sums do not fit their signature')
  proxy.clear()
})

t.test('over HTTPS it comes where the certificate is known', async t => {
  const at = (name: string) => join(directory, name)
  await promisify(execFile)('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', at('tls.key'), '-out', at('tls.pem'), '-days', '2', '-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'])
  const tls = await startFaultProxy(server.url, { tls: { key: readFileSync(at('tls.key'), 'utf8'), cert: readFileSync(at('tls.pem'), 'utf8') } })
  t.teardown(() => tls.close())
  const output = at('out/tls')
  const argv = fetchArguments(output).map(word => word.replace(proxy.url, tls.url))
  const { code, stderr } = await startCli(argv, { ...process.env, NODE_EXTRA_CA_CERTS: at('tls.pem') }).ended
  t.equal(code, 0, stderr)
  t.ok(readFileSync(join(output, `ciab-${version}/kvm/ciab.qcow2`)).equals(disk))
})

t.test('killed in the middle, the same command ends it', async t => {
  const output = join(directory, 'out/killed')
  const final = join(output, `ciab-${version}/kvm/ciab.qcow2`)
  const cli = startCli([...fetchArguments(output), '--connections', '1'])
  // The second range is asked for while the first is written; this process serves it, so nothing of it comes meanwhile.
  const killAtFirstBytes = () => {
    const folder = join(output, `ciab-${version}/kvm`)
    const isBegun = () => readdirSync(folder).some(name => name.startsWith('.') && statSync(join(folder, name)).size > 0)
    for (let tries = 0; tries < 500 && !isBegun(); tries += 1) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20)
    cli.child.kill('SIGKILL')
  }
  const rule = proxy.fault({ path: /qcow2$/, skip: 1, times: 1 }, { kind: 'call', run: killAtFirstBytes })
  t.equal((await cli.ended).code, null)
  t.notOk(existsSync(final), 'no half file has its name')
  rule.remove()
  const { code, stderr } = await runMain(fetchArguments(output))
  t.equal(code, 0, stderr)
  t.match(stderr, /kvm\/ciab\.qcow2: going on at [1-9]\d* %\n/)
  t.ok(readFileSync(final).equals(disk))
  t.same(readdirSync(join(output, `ciab-${version}/kvm`)).filter(name => name.startsWith('.')), [], 'nothing is left beside it')
  proxy.clear()
})

t.test('a full disk is told before the first byte and in the middle; what came is kept', async t => {
  // Not in the test's own folder: a mount that a killed test leaves would keep the next run from removing that.
  const small = mkdtempSync(join(tmpdir(), 'small-disk-'))
  const mount = promisify(execFile)
  await mount('mount', ['-t', 'tmpfs', '-o', 'size=12m', 'tmpfs', small])
  t.teardown(async () => {
    await mount('umount', ['--lazy', small])
    rmdirSync(small)
  })
  const { code, stderr } = await runMain(fetchArguments(small))
  t.equal(code, 3)
  t.match(stderr, new RegExp(`error: 21 MiB are still to be written to ${small}/ciab-[^ ]+/kvm, and its disk has 1[01] MiB free\\.`))
  // Somebody else fills the disk while it is downloaded.
  await mount('mount', ['-o', 'remount,size=40m', small])
  const rule = proxy.fault({ path: /qcow2$/, skip: 1, times: 1 }, { kind: 'call', run: () => writeFileSync(join(small, 'other'), Buffer.alloc(28 * mib)) })
  const middle = await runMain([...fetchArguments(small), '--connections', '1'])
  t.equal(middle.code, 3, middle.stderr)
  t.match(middle.stderr, /error: \d+ MiB are still to be written to \S+, and its disk has \d MiB free\./)
  rule.remove()
  rmSync(join(small, 'other'))
  t.equal((await runMain(fetchArguments(small))).code, 0)
  t.ok(readFileSync(join(small, `ciab-${version}/kvm/ciab.qcow2`)).equals(disk))
  proxy.clear()
})

t.test('a gateway that is gone for a while is waited for', async t => {
  const output = join(directory, 'out/gone')
  const rule = proxy.fault({ path: /qcow2$/, times: 1 }, { kind: 'call', run: () => server.leave().then(() => void setTimeout(() => void server.comeBack(), 1000)) })
  const { code, stderr } = await runMain(fetchArguments(output))
  t.equal(code, 0, stderr)
  t.equal(rule.hits, 1)
  t.ok(readFileSync(join(output, `ciab-${version}/kvm/ciab.qcow2`)).equals(disk))
})

t.test('an older copy beside it saves what did not change', async t => {
  const artifacts = join(directory, 'artifacts')
  const next = '1.0.0+20260102.bbbbbbbb'
  const changed = Buffer.from(disk)
  changed.fill(7, 3 * mib, 3 * mib + 8192)
  const newer = await makeRelease(artifacts, { version: next, files: { kvm: { ...files.kvm, 'ciab.qcow2': changed } } })
  for (const argv of [['sign', newer], ['publish', newer, '--to', 's3://fetch-images/daily', '--channel', 'stable']]) {
    const { code, stderr } = await runMain([...argv, ...signing])
    t.equal(code, 0, stderr)
  }
  const output = join(directory, 'out/delta')
  cpSync(join(directory, 'out/first'), output, { recursive: true })
  const { code, stdout, stderr } = await runMain([...fetchArguments(output), '--json'])
  t.equal(code, 0, stderr)
  t.ok(readFileSync(join(output, `ciab-${next}/kvm/ciab.qcow2`)).equals(changed))
  const { receivedBytes } = JSON.parse(stdout) as { receivedBytes: number }
  t.ok(receivedBytes < mib, `${receivedBytes} bytes`)
})

/** A tree of documents, made below a folder and copied to the server; each is signed, and each may lie. */
async function hostileTree(name: string) {
  const folder = join(directory, 'hostile', name)
  const bucket = await testBucket(server.url, 'fetch-images')
  t.teardown(() => bucket.close())
  const output = join(directory, 'out', name)
  return {
    tree: publishedFolder(folder, key),
    output,
    send: async (change: (text: string, path: string) => string = text => text) => {
      for (const path of readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(each => each.endsWith('.json'))) {
        const body = textBody(change(readFileSync(join(folder, path), 'utf8'), path))
        await bucket.put(`hostile/${name}/${path}`, body, { ...changingHeaders(path), sha256: body.sha256 })
      }
    },
    fetch: (...more: string[]) => runMain([...fetchArguments(output).map(word => word.replace(base, `${proxy.url}/fetch-images/hostile/${name}`)), '--patience', '5', ...more]),
  }
}

t.test('what lies on the server and is not what its publisher has last signed is refused, and nothing is written', async t => {
  const file = { sizeBytes: 1, sha256: 'ab'.repeat(32), mediaType: 'x/y' }
  const retitled = (wanted: RegExp) => (text: string, path: string) => wanted.test(path) ? text.replace('"Cloud in a box"', '"Cloud in a bag"') : text
  const otherSignature = (text: string) => text.replace(/(BEGIN SSH SIGNATURE-----\\n.{60})./, (_, before: string) => `${before}!`)
  type Hostile = Awaited<ReturnType<typeof hostileTree>>
  const table: Readonly<Record<string, { readonly set: (hostile: Hostile) => Promise<void>; readonly more?: readonly string[]; readonly message: RegExp }>> = {
    traversal: {
      set: async ({ tree, send }) => {
        await tree.channel('stable', await tree.release('1', {}, { files: [{ ...file, path: '../../../escaped' }] }))
        await send()
      },
      message: /^error: \S+\/ciab\/1\/index\.json is not what a published tree holds\./m,
    },
    'tampered-release': {
      set: async ({ tree, send }) => {
        await tree.channel('stable', await tree.release('1', { 'kvm/a': 'a' }))
        await send(retitled(/1.index\.json$/))
      },
      message: /^error: \S+\/ciab\/1\/index\.json is not the file of the release: its SHA-256 is /m,
    },
    'tampered-list': {
      set: async ({ tree, send }) => {
        await tree.index([await tree.release('1', { 'kvm/a': 'a' })])
        await send(retitled(/ciab.index\.json$/))
      },
      more: ['--version', '1'],
      message: /^error: The signature of \S+\/ciab\/index\.json does not fit/m,
    },
    'tampered-signature': {
      set: async ({ tree, send }) => {
        await tree.channel('stable', await tree.release('1', { 'kvm/a': 'a' }))
        await send((text, path) => (path.includes('channels') ? otherSignature(text) : text))
      },
      message: /^error: The signature of \S+\/ciab\/channels\/stable\.json does not fit/m,
    },
    'rolled-back': {
      set: async ({ tree, send, fetch }) => {
        const reference = await tree.release('1', { 'kvm/a': 'a' })
        await tree.channel('stable', reference, { serial: 9 })
        await send()
        t.match(await fetch('--target', 'xva'), { code: 2 }, 'the newer pointer is read, and there is no such target')
        await tree.channel('stable', reference, { serial: 8 })
        await send()
      },
      message: /^error: \S+\/ciab\/channels\/stable\.json has serial 8, and serial 9 was seen here before/m,
    },
    expired: {
      set: async ({ tree, send }) => {
        await tree.channel('stable', await tree.release('1', { 'kvm/a': 'a' }), { expires: '2025-12-31T00:00:00.000Z' })
        await send()
      },
      message: /^error: \S+\/ciab\/channels\/stable\.json was good until 2025-12-31T00:00:00\.000Z/m,
    },
  }
  for (const [name, { set, more = [], message }] of Object.entries(table)) {
    const hostile = await hostileTree(name)
    await set(hostile)
    const { code, stdout, stderr } = await hostile.fetch(...more)
    t.same([code, stdout], [5, ''], `${name}: ${stderr}`)
    t.match(stderr, message)
    t.notOk(existsSync(hostile.output), name)
  }
  t.notOk(existsSync(join(directory, 'escaped')))
})
