/** A tree is read by its chain of documents: pointer, index of the release, files. A plain server; keys are real. */
import t from 'tap'
import { copyFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { readRelease } from '../../pipeline/release/read-tree.js'
import type { ReleaseChoice, TreeReader } from '../../pipeline/release/read-tree.js'
import { createHttp } from '../../pipeline/tools/http.js'
import { bareSshKey } from '../../pipeline/tools/signature.js'
import { failureOf } from '../fixtures/failure.js'
import { startFileServer } from '../fixtures/file-server.js'
import { makeSshKey } from '../fixtures/keys.js'
import { publishedFolder } from '../fixtures/published-folder.js'
import { realRun } from '../fixtures/sealed-disk.js'

async function world(t: Test, { missing = 404 } = {}) {
  const folder = t.testdir({ tree: {} })
  const key = makeSshKey(join(folder, 'key'))
  const tree = publishedFolder(join(folder, 'tree'), key)
  const server = await startFileServer(join(folder, 'tree'), { missing })
  const http = createHttp({ signal: new AbortController().signal, patience: { stallMs: 20_000, giveUpMs: 0 } })
  t.teardown(() => {
    http.close()
    server.close()
  })
  const warned: string[] = []
  const reader: TreeReader = {
    base: `${server.url}/`, http, run: realRun, trusted: { ssh: [bareSshKey(readFileSync(`${key}.pub`, 'utf8'))], openpgp: [] }, allowUnsigned: false,
    seenFile: join(folder, 'seen.json'), now: () => new Date('2026-01-01T00:00:00.000Z'), warn: line => void warned.push(line),
  }
  return { folder, tree, reader, warned, url: (key: string) => `${server.url}/${key}` }
}

const stable = { appliance: 'ciab', channel: 'stable' }

t.test('a channel leads to its release, and so does a version', async t => {
  const { tree, reader } = await world(t)
  const references = [await tree.release('1', { 'kvm/a': 'a' }), await tree.release('2', { 'kvm/a': 'b' })]
  await tree.channel('stable', references[1] ?? { version: '', sha256: '', sizeBytes: 0 })
  await tree.index(references)
  t.equal((await readRelease(reader, stable)).version, '2')
  t.equal((await readRelease(reader, { ...stable, version: '1' })).version, '1')
  for (const [choice, message, hint] of [
    [{ ...stable, channel: 'daily' }, 'No channel "daily" is published there.', 'there are: stable'],
    [{ ...stable, version: '3' }, 'No version "3" is published there.', 'there are: 1, 2'],
    [{ ...stable, appliance: 'other', version: '3' }, 'No appliance "other" is published there.', 'there are none yet'],
  ] as const) {
    const failure = await failureOf(readRelease(reader, choice))
    t.same([failure.message, failure.hint, failure.exitCode], [message, hint, 2])
  }
})

t.test('where what is missing is answered with 403, the appliance\'s index tells what is missing', async t => {
  const { tree, reader, url } = await world(t, { missing: 403 })
  const [one, two] = [await tree.release('1', { 'kvm/a': 'a' }), await tree.release('2', { 'kvm/a': 'b' })]
  await tree.channel('nightly', two)
  await tree.index([one], { channels: ['nightly', 'daily'] })
  const told = async (choice: ReleaseChoice) => {
    const { code, message, hint } = await failureOf(readRelease(reader, choice))
    return code === 'download-forbidden' ? message : `${message} ${hint}`
  }
  const refused = (key: string) => `The server answered 403 for ${url(key)}.`
  t.equal(await told(stable), 'No channel "stable" is published there. there are: nightly, daily')
  t.equal(await told({ ...stable, channel: 'daily' }), refused('ciab/channels/daily.json'), 'the index names it: it is there, and not to be read')
  rmSync(tree.path('ciab/2/index.json'))
  t.equal(await told({ ...stable, channel: 'nightly' }), 'No release "2" is published there. there are: 1')
  rmSync(tree.path('ciab/1/index.json'))
  t.equal(await told({ ...stable, version: '1' }), refused('ciab/1/index.json'))
  rmSync(tree.path('ciab/index.json'))
  t.equal(await told(stable), refused('ciab/channels/stable.json'), 'nothing of it can be read')
})

t.test('a release that was taken back comes only by its version, with a warning', async t => {
  const { tree, reader, warned } = await world(t)
  const reference = await tree.release('1', { 'kvm/a': 'a' })
  const listed = { ...reference, date: '2026-01-01T00:00:00.000Z', publishedAt: '2026-01-01T00:00:00.000Z', verified: true, signed: true, totalBytes: 1, targets: ['kvm'] }
  await tree.index([], { releases: [{ ...listed, retracted: { at: '2026-01-02T00:00:00.000Z', reason: 'does not boot' } }] })
  t.equal((await readRelease(reader, { ...stable, version: '1' })).version, '1')
  t.same(warned, ['1 was taken back on 2026-01-02: does not boot'])
})

t.test('an index that the pointer does not mean is refused, though its signature is right', async t => {
  const { tree, reader, url } = await world(t)
  const reference = await tree.release('1', { 'kvm/a': 'a' })
  await tree.channel('stable', reference)
  await tree.release('1', { 'kvm/a': 'another' })
  const failure = await failureOf(readRelease(reader, stable))
  t.match(failure.message, `${url('ciab/1/index.json')} is not the file of the release: its SHA-256 is `)
  t.equal(failure.exitCode, 5)
})

t.test('a document in the place of another one is refused, though its signature is right', async t => {
  const { tree, reader, url } = await world(t)
  const old = await tree.release('1', { 'kvm/a': 'a' })
  await tree.release('2', { 'kvm/a': 'b' })
  copyFileSync(tree.path('ciab/1/index.json'), tree.path('ciab/2/index.json'))
  const named = { ...old, version: '2' }
  await tree.channel('stable', named)
  await tree.index([named, old])
  for (const choice of [stable, { ...stable, version: '2' }]) {
    const failure = await failureOf(readRelease(reader, choice))
    t.same([failure.code, failure.exitCode, failure.message, failure.details], [
      'document-wrong', 5, `${url('ciab/2/index.json')} is not what a published tree holds.`, ['it belongs at ciab/1/index.json'],
    ])
  }
  await tree.channel('nightly', old)
  copyFileSync(tree.path('ciab/channels/nightly.json'), tree.path('ciab/channels/stable.json'))
  t.same((await failureOf(readRelease(reader, stable))).details, ['it belongs at ciab/channels/nightly.json'])
})

t.test('files outside of the release, a lower serial and an expired pointer are refused', async t => {
  const { tree, reader, url } = await world(t)
  const good = await tree.release('1', { 'kvm/a': 'a' })
  const file = { sizeBytes: 1, sha256: 'ab'.repeat(32), mediaType: 'x/y' }
  await tree.channel('stable', await tree.release('2', {}, { files: [{ ...file, path: '../../etc/passwd' }] }), { serial: 1 })
  t.match(await failureOf(readRelease(reader, stable)), { exitCode: 5, details: [/^\/signed\/files\/0\/path: must match pattern/] })
  await tree.channel('stable', good, { serial: 9 })
  t.equal((await readRelease(reader, stable)).version, '1')
  await tree.channel('stable', good, { serial: 8 })
  t.equal((await failureOf(readRelease(reader, stable))).message, `${url('ciab/channels/stable.json')} has serial 8, and serial 9 was seen here before: it was put back to an older state.`)
  await tree.channel('stable', good, { serial: 10, expires: '2025-12-31T00:00:00.000Z' })
  t.equal((await failureOf(readRelease(reader, stable))).code, 'pointer-expired')
})

t.test('without a signature, or without a key, only --allow-unsigned goes on, and says so', async t => {
  const { tree, reader, folder, warned, url } = await world(t)
  await tree.channel('stable', await tree.release('1', { 'kvm/a': 'a' }))
  const pointer = join(folder, 'tree/ciab/channels/stable.json')
  const { signed } = JSON.parse(readFileSync(pointer, 'utf8')) as { signed: object }
  writeFileSync(pointer, JSON.stringify({ signed, signatures: [] }))
  const failure = await failureOf(readRelease(reader, stable))
  t.same([failure.message, failure.exitCode], [`${url('ciab/channels/stable.json')} is not signed.`, 5])
  await readRelease({ ...reader, trusted: { ssh: [], openpgp: [] }, allowUnsigned: true }, stable)
  t.same(warned, [`${url('ciab/channels/stable.json')} is not signed`, `the signature of ${url('ciab/1/index.json')} was not checked: there is no key`])
})
