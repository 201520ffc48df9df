/** A channel that was moved to a release while somebody took that back goes back, too. The bucket is a stand-in in memory. */
import t from 'tap'
import { join } from 'node:path'
import { promote, retract } from '../../pipeline/release/manage.js'
import { prune, putBack } from '../../pipeline/release/prune.js'
import { requireStillFit } from '../../pipeline/release/move-back.js'
import { changeDocument, channelPlace, indexPlace, readDocument, renewed } from '../../pipeline/release/published-tree.js'
import type { Tree } from '../../pipeline/release/published-tree.js'
import { publish } from '../../pipeline/release/publish.js'
import { writeViews } from '../../pipeline/release/views.js'
import { failureOf } from '../fixtures/failure.js'
import { localRelease, requestOf } from '../fixtures/local-release.js'
import { memorySerials, memoryTree, treeTime } from '../fixtures/memory-tree.js'

const publicUrl = 'https://downloads.example.org/'
const stable = 'p/ciab/channels/stable.json'
const promoting = (tree: Tree) => promote(tree, { appliance: 'ciab', from: 'nightly', to: 'stable', publicUrl })
const retracting = (tree: Tree, what: string) => retract(tree, { appliance: 'ciab', what, reason: 'it does not boot', publicUrl })

/** Release 1 in stable, 2 in nightly; `other` is another publisher, `during` does its work before the next such call. */
async function world(folder: string) {
  const { tree, bucket } = await memoryTree()
  const other = { ...tree, serials: memorySerials() }
  const publishing = async (version: string, by = tree) => await publish(by, requestOf(await localRelease(folder, version, { 'kvm/disk': version, SHA256SUMS: version }), join(folder, 'state')))
  await publishing('1')
  await promoting(tree)
  await publishing('2')
  const during = (call: string, work: () => Promise<unknown>) => {
    bucket.before = async found => {
      if (found !== call) return
      bucket.before = () => {}
      await work()
    }
  }
  const state = async () => Object.fromEntries(await Promise.all(['nightly', 'stable'].map(async name => [name, (await readDocument(tree, channelPlace('ciab', name)))?.document.current?.version])))
  const pageIsStale = async () => {
    bucket.calls.length = 0
    await writeViews(tree, 'ciab', publicUrl)
    return bucket.calls.includes('put p/index.html')
  }
  return { tree, other, bucket, publishing, during, state, pageIsStale }
}

t.test('a promote that a retract could not see takes itself back', async t => {
  const { tree, other, during, state, pageIsStale } = await world(t.testdir({}))
  during(`putIf ${stable}`, async () => {
    await retracting(other, 'nightly')
    during('get p/ciab/index.json', async () => {
      t.same(await state(), { nightly: '1', stable: '2' }, 'it was moved to what was taken back before')
      await writeViews(other, 'ciab', publicUrl)
    })
  })
  const failure = await failureOf(promoting(tree))
  t.same([failure.code, failure.exitCode, failure.message], ['release-retracted', 6, '2 was taken back on 2026-01-01: it does not boot. No channel is moved to it.'])
  t.same(await state(), { nightly: '1', stable: '1' })
  t.equal(await pageIsStale(), false, 'what the other has shown people in between is put right')
})

t.test('a publish that a retract could not see takes itself back', async t => {
  const { other, publishing, during, state, pageIsStale } = await world(t.testdir({}))
  during('putIf p/ciab/channels/nightly.json', () => retracting(other, '3'))
  t.equal((await failureOf(publishing('3'))).code, 'release-retracted')
  t.same(await state(), { nightly: '2', stable: '1' })
  t.equal(await pageIsStale(), false)
})

t.test('a publish that was killed before it could take itself back does it when it is run again', async t => {
  const { other, publishing, during, state, pageIsStale } = await world(t.testdir({}))
  during('putIf p/ciab/channels/nightly.json', async () => {
    await retracting(other, '3')
    during('get p/ciab/index.json', () => Promise.reject(new Error('killed')))
  })
  await t.rejects(publishing('3'), { message: 'killed' })
  t.same(await state(), { nightly: '3', stable: '1' })
  t.equal((await failureOf(publishing('3'))).code, 'release-retracted')
  t.same(await state(), { nightly: '2', stable: '1' })
  t.equal(await pageIsStale(), false)
})

t.test('so does a promote, while the retract that it did not see is not done with its own channel', async t => {
  const { tree, state } = await world(t.testdir({}))
  await promoting(tree)
  await changeDocument(tree, indexPlace('ciab'), before => before && {
    ...before.document, ...renewed(tree, before.document), releases: before.document.releases.map(each => each.version === '2' ? { ...each, retracted: { at: treeTime.toISOString(), reason: 'no' } } : each),
  })
  t.equal((await failureOf(promoting(tree))).code, 'release-retracted')
  t.same(await state(), { nightly: '2', stable: '1' })
})

t.test('a promote that a prune could not see takes itself back', async t => {
  const { tree, other, publishing, during, state } = await world(t.testdir({}))
  during(`putIf ${stable}`, async () => {
    await publishing('3', other)
    await prune(other, { appliance: 'ciab', keep: 0, keepStable: 'all', staleMs: 0, publicUrl })
  })
  const failure = await failureOf(promoting(tree))
  t.same([failure.code, failure.exitCode, failure.message, failure.hint], [
    'release-unlisted', 6, '2 was pruned while stable was moved to it; stable went back.', 'publish it again, or choose another release',
  ])
  t.same(await state(), { nightly: '3', stable: '1' })
})

/** Release 3 in nightly, 2 nowhere: a prune deletes it, while it is published again. */
async function pruneWorld(folder: string) {
  const made = await world(folder)
  const { other, publishing, bucket } = made
  await publishing('3')
  const pruning = () => prune(other, { appliance: 'ciab', keep: 0, keepStable: 'all', staleMs: 0, publicUrl })
  const lacks = () => ['index.json', 'kvm/disk', 'SHA256SUMS'].filter(name => !bucket.objects.has(`p/ciab/2/${name}`))
  const listed = async () => (await readDocument(other, indexPlace('ciab')))?.document.releases.map(({ version }) => version)
  return { ...made, pruning, lacks, listed }
}

for (const [when, call] of Object.entries({
  'before its claim': 'putIf p/ciab/2/.claim.json', 'while it looks at its files': 'head p/ciab/2/kvm/disk',
  'before it is listed': 'putIf p/ciab/index.json',
})) {
  t.test(`what is published again ${when} while a prune runs is whole afterwards`, async t => {
    const { publishing, pruning, during, state, lacks, listed } = await pruneWorld(t.testdir({}))
    during(call, pruning)
    t.match(await publishing('2'), { moved: true })
    t.same([await state(), lacks(), [...await listed() ?? []].sort()], [{ nightly: '2', stable: '1' }, [], ['1', '2', '3']])
    t.match(await publishing('2'), { moved: false, sentBytes: 0 })
  })
}

t.test('what a prune has begun to delete is not published under its hands, but anew when it is done', async t => {
  const { publishing, pruning, during, state, lacks } = await pruneWorld(t.testdir({}))
  during('remove p/ciab/2/index.json', async () => {
    const failure = await failureOf(publishing('2'))
    t.same([failure.code, failure.exitCode, failure.message, failure.hint], [
      'version-pruned', 6, 'A prune is deleting this version: ciab/2/.claim.json.',
      'let it end, then run the same command again, which publishes it anew; if it was killed, prune again, or wait 15 min',
    ])
  })
  t.match(await pruning(), { removed: ['2'] })
  t.same(await state(), { nightly: '3', stable: '1' })
  t.match(await publishing('2'), { moved: true })
  t.same([await state(), lacks()], [{ nightly: '2', stable: '1' }, []])
})

t.test('a prune leaves what was published again since it took that off the list', async t => {
  const { publishing, pruning, during, state, lacks } = await pruneWorld(t.testdir({}))
  during('get p/ciab/2/.claim.json', () => publishing('2'))
  t.match(await pruning(), { removed: [], kept: ['3', '1', '2'], freedBytes: 0 })
  t.same([await state(), lacks()], [{ nightly: '2', stable: '1' }, []])
})

t.test('a channel that was moved on in the meantime stays where it is', async t => {
  const { tree, state } = await world(t.testdir({}))
  await retracting(tree, '1')
  t.same(await state(), { nightly: '2', stable: undefined })
  const before = (await readDocument(tree, channelPlace('ciab', 'nightly')))?.document.serial
  t.equal((await failureOf(requireStillFit(tree, { appliance: 'ciab', channel: 'nightly', version: '1', publicUrl }))).code, 'release-retracted')
  t.equal((await readDocument(tree, channelPlace('ciab', 'nightly')))?.document.serial, before)
  await requireStillFit(tree, { appliance: 'ciab', channel: 'nightly', version: '2', publicUrl })
  t.match((await readDocument(tree, indexPlace('ciab')))?.document.releases, [{ version: '2', retracted: undefined }, { version: '1' }])
})

t.test('what a prune puts back on the list is where it was before, and there once', t => {
  const list = (names: string) => [...names].map(version => ({ version }))
  const cases: Readonly<Record<string, readonly [releases: string, saved: string, before: string]>> = {
    dcba: ['dba', 'c', 'dcba'], edcba: ['eda', 'cb', 'dcba'], cba: ['cba', 'b', 'cba'], bca: ['bca', 'b', 'cba'], ba: ['b', 'a', 'ba'], a: ['', 'a', 'a'],
  }
  for (const [wanted, [releases, saved, before]] of Object.entries(cases)) t.same(putBack(list(releases), list(saved), list(before)), list(wanted), wanted)
  t.end()
})

t.test('a prune that notices a moved pointer puts its release back where it was', async t => {
  const { other, publishing, pruning, during, state, listed } = await pruneWorld(t.testdir({}))
  await publishing('4')
  const to = (await readDocument(other, indexPlace('ciab')))?.document.releases.find(({ version }) => version === '3')
  const move = () => changeDocument(other, channelPlace('ciab', 'stable'), before => before && to && {
    ...before.document, ...renewed(other, before.document), current: { version: to.version, sha256: to.sha256, sizeBytes: to.sizeBytes },
  })
  during('putIf p/ciab/index.json', async () => during('list p/ciab/channels/', move))
  t.match(await pruning(), { removed: ['2'] })
  t.same([await state(), await listed()], [{ nightly: '4', stable: '3' }, ['4', '3', '1']])
})
