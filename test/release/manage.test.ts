import t from 'tap'
import { join } from 'node:path'
import { promote, retract } from '../../pipeline/release/manage.js'
import { doomedOf } from '../../pipeline/release/prune.js'
import { writeDocument } from '../../pipeline/release/published-tree.js'
import { publish } from '../../pipeline/release/publish.js'
import { failureOf } from '../fixtures/failure.js'
import { makeSshKey } from '../fixtures/keys.js'
import { localRelease, requestOf } from '../fixtures/local-release.js'
import { memoryTree } from '../fixtures/memory-tree.js'
import { channelDocument, indexDocument, listedRelease } from '../fixtures/published-documents.js'

const versions = ['6', '5', '4', '3', '2', '1']
const index = indexDocument(versions.map(version => listedRelease(version)))
const reference = (version: string) => ({ version, sha256: 'cd'.repeat(32), sizeBytes: 1 })
const stable = { ...channelDocument('stable', '4'), previous: [reference('2')] }
const nightly = channelDocument('nightly', '6')

t.test('prune takes what is old, was never stable and is pointed to by no channel', t => {
  const doomed = (keep: number, keepStable: number | 'all', channels = [stable, nightly]) => doomedOf(index, channels, { keep, keepStable })
  t.same(doomed(14, 'all'), [])
  t.same(doomed(1, 'all'), ['5', '3', '1'])
  t.same(doomed(0, 'all'), ['5', '3', '1'], 'nightly points to 6')
  t.same(doomed(0, 0), ['5', '3', '2', '1'], 'stable points to 4')
  t.same(doomed(2, 1), ['3', '2', '1'])
  t.same(doomed(1, 'all', [channelDocument('nightly', '1')]), ['5', '4', '3', '2'], 'a channel that was put back keeps its release')
  t.same(doomedOf(undefined, [], { keep: 0, keepStable: 0 }), [])
  t.end()
})

t.test('a channel of a signed tree is never moved to a release that is not signed', async t => {
  const folder = t.testdir({})
  const { tree, bucket } = await memoryTree()
  await publish(tree, requestOf(await localRelease(folder, '1', { SHA256SUMS: '1' }), join(folder, 'state')))
  const { sign, trusted } = (await memoryTree(makeSshKey(join(folder, 'key')))).tree
  const adopting = { ...tree, trusted, adoptUnsigned: true, ...(sign ? { sign } : {}) }
  const failure = await failureOf(promote(adopting, { appliance: 'ciab', from: 'nightly', to: 'stable', publicUrl: 'https://downloads.example.org/' }))
  t.same([failure.code, failure.exitCode], ['promote-unsigned', 6])
  t.notOk(bucket.objects.has('p/ciab/channels/stable.json'))
})

t.test('a channel of a signed tree never goes back to a release that is not signed, and that is said', async t => {
  const folder = t.testdir({})
  for (const [releases, now] of [[['3', '2', '1'], '1'], [['3', '2'], null]] as const) {
    const { tree, said } = await memoryTree(makeSshKey(join(folder, `key ${releases.length}`)))
    const listed = releases.map(version => listedRelease(version, { signed: version !== '2' }))
    await writeDocument(tree, 'ciab/index.json', indexDocument(listed, { channels: ['nightly'] }), null)
    await writeDocument(tree, 'ciab/channels/nightly.json', { ...channelDocument('nightly', '3'), previous: releases.slice(1).map(reference) }, null)
    const { channels } = await retract(tree, { appliance: 'ciab', what: '3', reason: 'no', publicUrl: 'https://downloads.example.org/' })
    t.same(channels, { nightly: now })
    t.same(said, ['nightly does not go back to 2: not signed, and its pointer is'])
  }
})

t.test('a tree without signatures goes back as before', async t => {
  const { tree, said } = await memoryTree()
  await writeDocument(tree, 'ciab/index.json', indexDocument(['2', '1'].map(version => listedRelease(version, { signed: false })), { channels: ['nightly'] }), null)
  await writeDocument(tree, 'ciab/channels/nightly.json', { ...channelDocument('nightly', '2'), previous: [reference('1')] }, null)
  t.same((await retract(tree, { appliance: 'ciab', what: 'nightly', reason: 'no', publicUrl: 'https://downloads.example.org/' })).channels, { nightly: '1' })
  t.same(said, [])
})
