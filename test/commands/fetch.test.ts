/** fetch: what it refuses, what it leaves behind, and how it outlasts faults; a plain file server behind the fault proxy. */
import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { startFaultProxy } from '../fixtures/fault-proxy.js'
import type { FaultProxy } from '../fixtures/fault-proxy.js'
import { startFileServer } from '../fixtures/file-server.js'
import { makeSshKey } from '../fixtures/keys.js'
import { runMain } from '../fixtures/main-run.js'
import type { MainResult } from '../fixtures/main-run.js'
import { publishedFolder } from '../fixtures/published-folder.js'
import type { PublishedFolder } from '../fixtures/published-folder.js'
import { sha256Text } from '../../pipeline/release/tree.js'

const mib = 1024 * 1024
const disk = randomBytes(9 * mib + 5)
const files = { 'SHA256SUMS': 'sums\n', 'kvm/box 1.0+ü.qcow2': disk, 'kvm/start.sh': '#!/bin/sh\n', 'kvm/empty': '', 'vmware/box.zip': 'other' }
const diskPath = 'ciab-1.0+1/kvm/box 1.0+ü.qcow2'

interface World {
  readonly directory: string
  readonly key: string
  readonly tree: PublishedFolder
  readonly proxy: FaultProxy
  readonly fetch: (...more: string[]) => Promise<MainResult>
}

/** A tree with one signed release in `stable`, a proxy before it, and a fetch with short patience and the right key. */
async function world(t: Test, { signed = true } = {}): Promise<World> {
  const directory = t.testdir({ tree: {}, out: {} })
  const key = makeSshKey(join(directory, 'key'))
  const tree = publishedFolder(join(directory, 'tree'), signed ? key : undefined)
  const reference = await tree.release('1.0+1', files)
  await tree.channel('stable', reference)
  await tree.index([reference])
  const server = await startFileServer(join(directory, 'tree'))
  const proxy = await startFaultProxy(server.url)
  t.teardown(async () => {
    await proxy.close()
    server.close()
  })
  const places = ['--from', `${proxy.url}/`, '--store', join(directory, 'state'), '--output', join(directory, 'out'), '--patience', '2']
  const fetch = (...more: string[]) => runMain(['fetch', 'ciab', '--target', 'kvm', ...places, ...(more.includes('--key') || more.includes('--root') ? [] : ['--key', `${key}.pub`]), ...more])
  return { directory, key, tree, proxy, fetch }
}

const outputOf = ({ directory }: World) => (readdirSync(join(directory, 'out'), { recursive: true, encoding: 'utf8' }) as string[]).filter(name => statSync(join(directory, 'out', name)).isFile()).sort()
const whole = [diskPath, 'ciab-1.0+1/SHA256SUMS', 'ciab-1.0+1/kvm/empty', 'ciab-1.0+1/kvm/start.sh'].sort()

async function requireWhole(t: Test, w: World, result: MainResult): Promise<void> {
  t.same([result.code, result.stdout], [0, `${join(w.directory, 'out/ciab-1.0+1/kvm')}\n`], result.stderr)
  t.same(outputOf(w), whole)
  t.ok(readFileSync(join(w.directory, 'out', diskPath)).equals(disk), 'every byte')
}

/** Refused, with this on stderr behind the address, and nothing written. */
async function requireRefused(t: Test, w: World, result: MainResult, code: number, message: string): Promise<void> {
  t.same([result.code, result.stdout], [code, ''])
  t.equal(result.stderr.replaceAll(w.proxy.url, 'URL'), `error: ${message}\n`)
  t.same(outputOf(w), [])
}

t.test('downloads the files of one target, by several ranges, and runs nothing twice', async t => {
  const w = await world(t)
  await requireWhole(t, w, await w.fetch())
  t.equal(statSync(join(w.directory, 'out/ciab-1.0+1/kvm/start.sh')).mode & 0o777, 0o755, 'a script can be started')
  t.equal(w.proxy.requests.filter(request => request.headers.range !== undefined && request.path.includes('qcow2')).length, 2)
  t.notOk(w.proxy.requests.some(request => request.path.includes('vmware')))
  w.proxy.clear()
  await requireWhole(t, w, await w.fetch())
  t.notOk(w.proxy.requests.some(request => request.headers.range !== undefined), 'what is there is not downloaded again')
  const json = await w.fetch('--json', '--version', '1.0+1')
  t.match(JSON.parse(json.stdout), { version: '1.0+1', target: 'kvm', signed: true, verified: true })
})

t.test('without a key nothing is taken, and no key of the tree counts', async t => {
  const w = await world(t)
  const root = join(w.directory, 'root')
  mkdirSync(root)
  await requireRefused(t, w, await w.fetch('--root', root), 2, `There is no key to check signatures with: no --key, and none in ${root}/keys. (give the publisher's public key with --key FILE, got by another way than the download; --allow-unsigned does without)`)
  t.same(w.proxy.requests, [])
  mkdirSync(join(root, 'keys'))
  writeFileSync(join(root, 'keys/release.pub'), readFileSync(`${w.key}.pub`))
  await requireWhole(t, w, await w.fetch('--root', root))
})

t.test('--allow-unsigned goes on without a key and without a signature, and says so', async t => {
  const w = await world(t)
  const root = join(w.directory, 'nothing')
  const unchecked = await w.fetch('--root', root, '--allow-unsigned')
  await requireWhole(t, w, unchecked)
  t.match(unchecked.stderr, `warning: the signature of ${w.proxy.url}/ciab/channels/stable.json was not checked: there is no key\n`)
  const plain = await world(t, { signed: false })
  await requireRefused(t, plain, await plain.fetch(), 5, 'URL/ciab/channels/stable.json is not signed. (ask the publisher for a signed one; --allow-unsigned takes it nevertheless)')
  const taken = await plain.fetch('--allow-unsigned')
  await requireWhole(t, plain, taken)
  t.match(taken.stderr, `warning: ${plain.proxy.url}/ciab/channels/stable.json is not signed\n`)
})

t.test('another key, and every document that was changed after it was signed, is refused', async t => {
  const w = await world(t)
  const other = makeSshKey(join(w.directory, 'other'))
  const refusal = (name: string) => `The signature of URL/ciab/${name} does not fit: it was changed, or signed by a key that is not trusted here. (do not use it; ask the publisher, and compare the key given with --key or in keys/)`
  await requireRefused(t, w, await w.fetch('--key', `${other}.pub`), 5, refusal('channels/stable.json'))
  const pointer = readFileSync(w.tree.path('ciab/channels/stable.json'), 'utf8')
  writeFileSync(w.tree.path('ciab/channels/stable.json'), pointer.replace('"serial": 3', '"serial": 4'))
  await requireRefused(t, w, await w.fetch(), 5, refusal('channels/stable.json'))
  const index = readFileSync(w.tree.path('ciab/index.json'), 'utf8')
  writeFileSync(w.tree.path('ciab/index.json'), index.replace('"title": "Cloud', '"title": "Clown'))
  await requireRefused(t, w, await w.fetch('--version', '1.0+1'), 5, refusal('index.json'))
})

t.test("a release's index with another digest than its pointer says is refused", async t => {
  const w = await world(t)
  const path = w.tree.path('ciab/1.0+1/index.json')
  const text = readFileSync(path, 'utf8')
  const changed = text.replace('"title": "Cloud', '"title": "Clown')
  writeFileSync(path, changed)
  await requireRefused(t, w, await w.fetch(), 5, `URL/ciab/1.0%2B1/index.json is not the file of the release: its SHA-256 is ${sha256Text(changed)}, and ${sha256Text(text)} by the release's index. (nothing of it was kept; try once more, and if it stays so tell the publisher)`)
})

t.test('an older pointer (rollback) and an expired one (freeze) are refused', async t => {
  const w = await world(t)
  await requireWhole(t, w, await w.fetch())
  const current = { version: '1.0+1', sha256: 'ab'.repeat(32), sizeBytes: 10 }
  await w.tree.channel('stable', current, { serial: 2 })
  const rollback = await w.fetch()
  t.equal(rollback.code, 5)
  t.equal(rollback.stderr.replaceAll(w.proxy.url, 'URL'), 'error: URL/ciab/channels/stable.json has serial 2, and serial 3 was seen here before: it was put back to an older state. (do not use it; ask the publisher. A new server under the same address: remove its entry from the file seen.json in the store)\n')
  await w.tree.channel('stable', current, { serial: 4, expires: '2026-01-01T00:00:00.000Z' })
  const freeze = await w.fetch()
  t.equal(freeze.code, 5)
  t.match(freeze.stderr, /stable\.json was good until 2026-01-01T00:00:00\.000Z, and it is \S+ here\. \(somebody may be holding back newer releases/)
})

t.test('an older list of releases (rollback) and an expired one (freeze) are refused', async t => {
  const w = await world(t)
  await requireWhole(t, w, await w.fetch('--version', '1.0+1'))
  const reference = { version: '1.0+1', sha256: 'ab'.repeat(32), sizeBytes: 10 }
  await w.tree.index([reference], { serial: 6 })
  const rollback = await w.fetch('--version', '1.0+1')
  t.same([rollback.code, rollback.stdout], [5, ''])
  t.equal(rollback.stderr.replaceAll(w.proxy.url, 'URL'), 'error: URL/ciab/index.json has serial 6, and serial 7 was seen here before: it was put back to an older state. (do not use it; ask the publisher. A new server under the same address: remove its entry from the file seen.json in the store)\n')
  await w.tree.index([reference], { serial: 8, expires: '2026-01-01T00:00:00.000Z' })
  const freeze = await w.fetch('--version', '1.0+1')
  t.same([freeze.code, freeze.stdout], [5, ''])
  t.match(freeze.stderr, /index\.json was good until 2026-01-01T00:00:00\.000Z, and it is \S+ here\. \(somebody may be holding back newer releases/)
})

t.test('paths that lead out of the folder are refused, whoever signed them', async t => {
  const w = await world(t)
  for (const path of ['../evil', 'kvm/../../evil', '/etc/evil', 'kvm\\..\\evil']) {
    const reference = await w.tree.release('2.0', { 'kvm/a': 'x' }, { files: [{ path, sizeBytes: 1, sha256: 'ab'.repeat(32), mediaType: 'x', target: 'kvm' }] })
    await w.tree.channel('stable', reference)
    const { code, stderr } = await w.fetch()
    t.equal(code, 5, path)
    t.match(stderr, /is not what a published tree holds|names files outside of its own folder/, path)
    t.same(outputOf(w), [])
  }
})

t.test('what is not there is told with what is', async t => {
  const w = await world(t)
  await requireRefused(t, w, await w.fetch('--channel', 'nightly'), 2, 'No channel "nightly" is published there. (there are: stable)')
  await requireRefused(t, w, await w.fetch('--version', '9'), 2, 'No version "9" is published there. (there are: 1.0+1)')
  await requireRefused(t, w, await w.fetch('--target', 'vmwear'), 2, 'There is no target "vmwear". (Did you mean "vmware"?)')
  await requireRefused(t, w, await runMain(['fetch', '--from', 'ftp://x']), 2, '"ftp://x" is no address to download from. (give the address of the download page without index.html, as in --from https://downloads.example.org/appliances)')
})

t.test('a release that was never seen booting is refused unless asked for', async t => {
  const w = await world(t)
  const reference = await w.tree.release('1.0+1', files, { verified: false })
  await w.tree.channel('stable', reference, { serial: 9 })
  await requireRefused(t, w, await w.fetch(), 5, 'ciab 1.0+1 was published without a passed verification: nobody has seen it boot. (take another version, or accept that with --allow-unverified)')
  await requireWhole(t, w, await w.fetch('--allow-unverified'))
})

t.test('storms, cuts, slowness and a wrong ETag only cost time', async t => {
  const w = await world(t)
  w.proxy.fault({ times: 2 }, { kind: 'answer', status: 503, code: 'SlowDown' })
  w.proxy.fault({ path: /qcow2/, times: 2 }, { kind: 'cut-response', afterBytes: 2 * mib })
  w.proxy.fault({ path: /qcow2/, times: 1 }, { kind: 'answer', status: 500 })
  w.proxy.fault({ path: /qcow2/, times: 1 }, { kind: 'slow', bytesPerSecond: 20 * mib })
  w.proxy.fault({ path: /qcow2/ }, { kind: 'headers', headers: { etag: '"wrong"' } })
  await requireWhole(t, w, await w.fetch())
  const ranges = w.proxy.requests.filter(({ path, status }) => path.endsWith('qcow2') && status === 206)
  const sent = ranges.reduce((sum, { responseBytes }) => sum + responseBytes, 0)
  t.equal(sent, disk.length, 'no byte is asked for twice')
})

t.test('a server that is gone is waited for; what came is kept when it stays away', async t => {
  const w = await world(t)
  w.proxy.fault({ path: /qcow2/, skip: 1, times: 1 }, { kind: 'call', run: () => w.proxy.leave().then(() => void setTimeout(() => void w.proxy.comeBack(), 800)) })
  await requireWhole(t, w, await w.fetch('--connections', '1'))
  const away = await world(t)
  away.proxy.fault({ path: /qcow2/, skip: 1, times: 1 }, { kind: 'call', run: () => away.proxy.leave() })
  const { code, stderr } = await away.fetch('--connections', '1')
  t.equal(code, 4)
  t.match(stderr, /fetch: .*; trying again for 2 s\n[^]*error: Could not download \S+: nobody listens there; tried for \d+ s\. \(run the same command again when the server can be reached: what came so far is kept\)\n$/)
  t.notOk(existsSync(join(away.directory, 'out', diskPath)), 'no half file under its name')
  await away.proxy.comeBack()
  away.proxy.clear()
  await requireWhole(t, away, await away.fetch())
  const sent = away.proxy.requests.filter(({ path }) => path.endsWith('qcow2')).reduce((sum, { responseBytes }) => sum + responseBytes, 0)
  t.ok(sent < disk.length, `${sent} bytes the second time`)
})

t.test('a file that is not the one of the release never gets its name', async t => {
  const w = await world(t)
  w.proxy.fault({ path: /qcow2/, times: 1 }, { kind: 'body', change: body => Buffer.concat([body.subarray(1), Buffer.from('x')]) })
  const { code, stderr } = await w.fetch()
  t.equal(code, 5)
  t.match(stderr, /error: \S+qcow2 is not the file of the release: its SHA-256 is [0-9a-f]{64}, and [0-9a-f]{64} by the release's index\./)
  t.same(readdirSync(join(w.directory, 'out/ciab-1.0+1/kvm')).sort(), ['empty', 'start.sh'])
  await requireWhole(t, w, await w.fetch())
})

t.test('a file of another size on the server is refused before its bytes', async t => {
  const w = await world(t)
  writeFileSync(w.tree.path('ciab/1.0+1/kvm/box 1.0+ü.qcow2'), disk.subarray(1))
  const { code, stderr } = await w.fetch()
  t.equal(code, 5)
  t.match(stderr.replaceAll(w.proxy.url, 'URL'), `has ${disk.length - 1} bytes on the server, and ${disk.length} by the release's index.`)
})

t.test('a server without ranges, without the file, or that forbids it is told', async t => {
  const w = await world(t)
  const rule = w.proxy.fault({ path: /qcow2/ }, { kind: 'answer', status: 403, code: 'AccessDenied' })
  const { code, stderr } = await w.fetch()
  t.equal(code, 4)
  t.match(stderr, /error: The server answered 403 for \S+\. \(check the address given with --from, and the names of appliance and version; if they are right, the publisher must let everyone read it\)/)
  rule.remove()
  const server = await startFileServer(join(w.directory, 'tree'), { ranges: false })
  t.teardown(() => server.close())
  const plain = await w.fetch('--from', server.url)
  t.equal(plain.code, 4)
  t.match(plain.stderr, /error: The server sends \S+ only as a whole: it ignores Range\./)
})

t.test('a beginning that was damaged on this disk is downloaded again', async t => {
  const w = await world(t)
  const digest = createHash('sha256').update(disk).digest('hex').slice(0, 16)
  const folder = join(w.directory, 'out/ciab-1.0+1/kvm')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, `.box 1.0+ü.qcow2.${digest}.part`), Buffer.concat([disk.subarray(0, mib), Buffer.alloc(mib)]))
  const result = await w.fetch()
  await requireWhole(t, w, result)
  t.match(result.stderr, 'kvm/box 1.0+ü.qcow2: going on at 22 %\n')
  t.match(result.stderr, 'kvm/box 1.0+ü.qcow2: what was here already is not right; downloading all of it\n')
})

t.test('a disk that was started since is left alone', async t => {
  const w = await world(t)
  await w.fetch()
  const path = join(w.directory, 'out', diskPath)
  writeFileSync(path, 'changed by a virtual machine')
  const { code, stderr } = await w.fetch()
  t.equal(code, 3)
  t.match(stderr, `error: ${path} is there already and is not the file of the release; a disk that was started is changed, for example. (it was left alone: move it away, or name another folder with --output)\n`)
  t.equal(readFileSync(path, 'utf8'), 'changed by a virtual machine')
})

t.test('a folder that cannot be written to is told', { skip: process.getuid?.() === 0 ? 'root may write everywhere' : false }, async t => {
  const w = await world(t)
  chmodSync(join(w.directory, 'out'), 0o555)
  const { code, stderr } = await w.fetch()
  t.equal(code, 3)
  t.match(stderr, 'error: Cannot write to ')
})

t.test('an output that is a file is told', async t => {
  const w = await world(t)
  writeFileSync(join(w.directory, 'file'), 'mine')
  const { code, stderr } = await w.fetch('--output', join(w.directory, 'file'))
  t.equal(code, 3)
  t.match(stderr, new RegExp(`error: Cannot write to ${w.directory}/file/ciab-1\\.0\\+1/kvm: `))
  t.equal(readFileSync(join(w.directory, 'file'), 'utf8'), 'mine')
})

t.test('user and password of the address are sent to that server, and neither shown nor remembered', async t => {
  const w = await world(t)
  const from = w.proxy.url.replace('://', '://reader:s%40same@')
  const good = await w.fetch('--from', from)
  await requireWhole(t, w, good)
  const sent = new Set(w.proxy.requests.map(({ headers }) => headers.authorization))
  t.same([...sent], [`Basic ${Buffer.from('reader:s@same').toString('base64')}`], 'with every request')
  const unknown = await w.fetch('--from', from, '--channel', 'nightly')
  w.proxy.fault({ path: /stable/ }, { kind: 'answer', status: 401 })
  const refused = await w.fetch('--from', from)
  t.same([unknown.code, refused.code], [2, 4])
  const wrong = await w.fetch('--from', 'ftp://reader:s%40same@x')
  t.match(wrong.stderr, '"ftp://***@x" is no address to download from.')
  const kept = readFileSync(join(w.directory, 'state/fetch/seen.json'), 'utf8')
  for (const text of [good, unknown, refused, wrong].map(({ stderr }) => stderr).concat(kept)) t.notMatch(text, /same|reader/)
})
