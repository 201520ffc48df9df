/** What is sent in which order, and two publishers of one version. The bucket is a stand-in in memory. */
import t from 'tap'
import { join } from 'node:path'
import { retract } from '../../pipeline/release/manage.js'
import { releaseHeaders } from '../../pipeline/release/object-headers.js'
import { indexPlace, readDocument, releasePlace } from '../../pipeline/release/published-tree.js'
import type { Tree } from '../../pipeline/release/published-tree.js'
import { objectsOf, publish } from '../../pipeline/release/publish.js'
import { sha256Text } from '../../pipeline/release/tree.js'
import { textBody } from '../../pipeline/tools/body.js'
import { failureOf } from '../fixtures/failure.js'
import { localRelease, requestOf } from '../fixtures/local-release.js'
import type { MemoryBucket } from '../fixtures/memory-bucket.js'
import { memoryTree } from '../fixtures/memory-tree.js'

const file = (path: string, sizeBytes: number) => ({ path, sizeBytes, sha256: '', mediaType: '', local: '', identity: '' })

t.test('artifacts travel before what describes them, large ones first', t => {
  const files = [
    file('SHA256SUMS', 9), file('SHA256SUMS.sig', 9), file('kvm/SHA256SUMS', 8), file('kvm/disk.qcow2', 100), file('kvm/start.sh', 5), file('kvm/disk.qcow2.chunks', 7),
    file('manifest.json', 3), file('sbom.cdx.json', 500), file('provenance.json', 4), file('verification.json', 5), file('vmware/disk.zip', 90),
  ]
  t.same(objectsOf({ files }).map(group => group.map(({ path }) => path)), [
    ['kvm/disk.qcow2', 'vmware/disk.zip', 'kvm/disk.qcow2.chunks', 'kvm/start.sh', 'verification.json'],
    ['sbom.cdx.json', 'SHA256SUMS', 'SHA256SUMS.sig', 'kvm/SHA256SUMS', 'provenance.json', 'manifest.json'],
  ])
  t.end()
})

const claim = 'p/ciab/1/.claim.json'
const publisher = (folder: string, name: string) =>
  localRelease(join(folder, name), '1', { 'kvm/disk': 'the same disk', 'manifest.json': `of ${name}`, SHA256SUMS: `sums of ${name}` }).then(release => requestOf(release, join(folder, name)))

/** Runs `work` before the first call that fits, as another publisher would between two requests. */
function between(bucket: MemoryBucket, call: string, work: () => Promise<unknown>): void {
  let done = false
  bucket.before = async found => {
    if (done || found !== call) return
    done = true
    await work()
  }
}

/** The version is published, each object is what its index says, and no claim is left. */
async function isWhole(tree: Tree, bucket: MemoryBucket): Promise<string[]> {
  const files = (await readDocument(tree, releasePlace('ciab', '1')))?.document.files ?? []
  const wrong = files.filter(({ path, sha256 }) => sha256Text(bucket.objects.get(`p/ciab/1/${path}`)?.bytes.toString('utf8') ?? '') !== sha256)
  const extra = [...bucket.objects.keys()].filter(key => key.includes('claim'))
  return files.length === 0 ? ['it is not published'] : [...wrong.map(({ path }) => path), ...extra]
}

for (const conditions of ['quoted', 'none'] as const) {
  t.test(`of two publishers of one version the second is stopped before it sends anything (conditions: ${conditions})`, async t => {
    const [folder, { tree, bucket }] = [t.testdir({}), await memoryTree(undefined, {}, conditions)]
    const [first, second] = [await publisher(folder, 'first'), await publisher(folder, 'second')]
    const other = async () => {
      const failure = await failureOf(publish(tree, second))
      t.same([failure.code, failure.exitCode], ['version-claimed', 6])
      t.same([failure.message, failure.hint], [
        'Another publisher is uploading this version with other files: ciab/1/.claim.json.',
        'let it end, then build or name another version; if it was killed, run the same command again in 15 min',
      ])
    }
    between(bucket, 'put p/ciab/1/kvm/disk', other)
    await publish(tree, first)
    t.same(await isWhole(tree, bucket), [])
    t.match(bucket.objects.get('p/ciab/1/manifest.json')?.bytes.toString(), 'of first')
  })

  t.test(`who claims a version that was published meanwhile leaves it alone (conditions: ${conditions})`, async t => {
    const [folder, { tree, bucket }] = [t.testdir({}), await memoryTree(undefined, {}, conditions)]
    const [first, second] = [await publisher(folder, 'first'), await publisher(folder, 'second')]
    between(bucket, `get ${claim}`, () => publish(tree, first))
    const failure = await failureOf(publish(tree, second))
    t.same([failure.code, failure.details], ['version-taken', ['SHA256SUMS: is another file', 'manifest.json: is another file']])
    t.same(await isWhole(tree, bucket), [])
  })
}

/** As an S3 server would show it after that time. */
function age(bucket: MemoryBucket, key: string, minutes: number): void {
  const found = bucket.objects.get(key)
  if (found) Object.assign(found, { modifiedMs: found.modifiedMs - minutes * 60_000 })
}

t.test('after a kill the same files go on at once from anywhere, other files when the claim is old', async t => {
  const [folder, { tree, bucket }] = [t.testdir({}), await memoryTree()]
  const [first, second] = [await publisher(folder, 'first'), await publisher(folder, 'second')]
  const kill = (call: string) => between(bucket, call, () => Promise.reject(new Error('killed')))
  kill('put p/ciab/1/manifest.json')
  await t.rejects(publish(tree, first), { message: 'killed' })
  t.equal((await failureOf(publish(tree, second))).code, 'version-claimed')
  kill('putIf p/ciab/1/index.json')
  await t.rejects(publish(tree, requestOf(first.release, join(folder, 'another machine'))), { message: 'killed' })
  age(bucket, claim, 16)
  await publish(tree, second)
  t.same(await isWhole(tree, bucket), [])
  t.match(bucket.objects.get('p/ciab/1/manifest.json')?.bytes.toString(), 'of second')
})

t.test('a version that is published with the same artifacts stays as it is, whatever describes them here; the channel moves to it', async t => {
  const [folder, { tree, bucket, said }] = [t.testdir({}), await memoryTree()]
  const [first, second] = [await publisher(folder, 'first'), await publisher(folder, 'second')]
  // Killed after its index was written: nobody is led to it yet.
  bucket.before = async call => {
    if (call === 'list p/ciab/1/.claim.json' && bucket.objects.has('p/ciab/1/index.json')) throw new Error('killed')
  }
  await t.rejects(publish(tree, first), { message: 'killed' })
  const before = new Map([...bucket.objects].filter(([key]) => key.startsWith('p/ciab/1/') && !key.includes('claim')))
  t.ok(before.has('p/ciab/1/index.json'))
  bucket.before = async () => {}
  t.match(await publish(tree, second), { version: '1', moved: true, sentBytes: 0 })
  t.same(new Map([...bucket.objects].filter(([key]) => key.startsWith('p/ciab/1/'))), before)
  const [readers, already] = ['readers of nightly get 1', '1 is published already with the same artifacts: what describes them stays as it was published']
  t.same(said, [already, readers])
  t.match(await publish(tree, first), { moved: false })
  t.same(said, [already, readers, readers], 'of its own files there is nothing to say')
})

t.test('of a release that is published already, what the bucket has lost is sent again where it is the same here, and told where it is not', async t => {
  const [folder, { tree, bucket }] = [t.testdir({}), await memoryTree()]
  const [first, second] = [await publisher(folder, 'first'), await publisher(folder, 'second')]
  await publish(tree, first)
  await bucket.remove(['p/ciab/1/kvm/disk'])
  t.match(await publish(tree, second), { moved: false, sentBytes: 13 })
  t.same(await isWhole(tree, bucket), [])
  const pointers = bucket.objects.get('p/ciab/channels/nightly.json')
  await bucket.remove(['p/ciab/1/manifest.json'])
  const body = textBody('cut')
  await bucket.put('p/ciab/1/SHA256SUMS', body, { ...releaseHeaders('SHA256SUMS'), sha256: body.sha256 })
  const failure = await failureOf(publish(tree, second))
  t.same([failure.code, failure.exitCode, failure.message, failure.hint, failure.details], [
    'release-damaged', 6, 'The bucket has lost files of this release, or damaged them: ciab/1/. No channel was moved.',
    'put them back, from a copy or by publishing the very folder that was published; else pipeline retract 1, and build another version',
    ['manifest.json: is gone', 'SHA256SUMS: has 3 bytes, not 13'],
  ])
  t.equal(bucket.objects.get('p/ciab/channels/nightly.json'), pointers)
  t.match(await publish(tree, first), { moved: false, sentBytes: 21 })
  t.same(await isWhole(tree, bucket), [])
})

t.test('other artifacts are another version, and a report that passed is not left out for one that did not', async t => {
  const [folder, { tree }] = [t.testdir({}), await memoryTree()]
  const release = (name: string, disk: string, more = {}) => localRelease(join(folder, name), '1', { 'kvm/disk': disk, 'manifest.json': name }, more).then(made => requestOf(made, join(folder, name)))
  await publish(tree, await release('first', 'a disk', { verified: false }))
  t.match(await failureOf(publish(tree, await release('second', 'another disk'))), { code: 'version-taken', details: ['kvm/disk: is another file', 'manifest.json: is another file'] })
  t.match(await failureOf(publish(tree, await release('third', 'a disk'))), { code: 'version-taken', details: ['manifest.json: is another file'] })
  t.match(await publish(tree, await release('fourth', 'a disk', { verified: false })), { verified: false })
})

t.test('who was put to sleep and has lost its claim writes nothing more', async t => {
  const [folder, { tree, bucket }] = [t.testdir({}), await memoryTree()]
  const [first, second] = [await publisher(folder, 'first'), await publisher(folder, 'second')]
  const now = Date.now
  t.teardown(() => { Date.now = now })
  between(bucket, 'head p/ciab/1/manifest.json', async () => {
    age(bucket, claim, 20)
    await publish(tree, second)
    Date.now = () => now() + 20 * 60_000
  })
  t.equal((await failureOf(publish(tree, first))).code, 'version-taken')
  t.same(await isWhole(tree, bucket), [])
})

t.test('what was taken back is published again only when that is asked for', async t => {
  const [folder, { tree, bucket }] = [t.testdir({}), await memoryTree()]
  const request = await publisher(folder, 'first')
  await publish(tree, request)
  await retract(tree, { appliance: 'ciab', what: 'nightly', reason: 'it does not boot', publicUrl: request.publicUrl })
  const before = new Map(bucket.objects)
  const failure = await failureOf(publish(tree, request))
  t.same([failure.code, failure.exitCode, failure.message, failure.hint], [
    'release-retracted', 6, '1 was taken back on 2026-01-01: it does not boot. No channel is moved to it.',
    'build another version; if it is good after all: pipeline publish with --allow-retracted takes the mark away',
  ])
  t.same(bucket.objects, before)
  t.match(await publish(tree, { ...request, allowRetracted: true }), { moved: true })
  t.equal((await readDocument(tree, indexPlace('ciab')))?.document.releases[0]?.retracted, undefined)
  between(bucket, 'get p/ciab/1/index.json', () => retract(tree, { appliance: 'ciab', what: '1', reason: 'no', publicUrl: request.publicUrl }))
  t.equal((await failureOf(publish(tree, request))).code, 'release-retracted', 'taken back in the middle')
})
