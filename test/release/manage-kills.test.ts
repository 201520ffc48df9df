/** Killed before each of its writes and run again, a command leaves the tree as if nothing had happened. The bucket is a stand-in in memory. */
import t from 'tap'
import type { Test } from 'tap'
import { join } from 'node:path'
import { promote, retract } from '../../pipeline/release/manage.js'
import { prune, wouldPrune } from '../../pipeline/release/prune.js'
import { changingHeaders } from '../../pipeline/release/object-headers.js'
import { channelPlace, indexPlace, readDocument } from '../../pipeline/release/published-tree.js'
import type { Tree } from '../../pipeline/release/published-tree.js'
import { publish } from '../../pipeline/release/publish.js'
import { textBody } from '../../pipeline/tools/body.js'
import { localRelease, requestOf } from '../fixtures/local-release.js'
import { memoryTree } from '../fixtures/memory-tree.js'

const publicUrl = 'https://downloads.example.org/'

/** Releases 1 to 4; nightly points to the last one, stable to what it is told. */
async function published(folder: string) {
  const made = await memoryTree()
  for (const version of ['1', '2', '3', '4']) {
    await publish(made.tree, requestOf(await localRelease(folder, version, { 'kvm/disk': version, SHA256SUMS: version }), join(folder, 'state')))
    if (version !== '3') await promote(made.tree, { appliance: 'ciab', from: 'nightly', to: 'stable', publicUrl })
  }
  return made
}

async function stateOf(tree: Tree) {
  const [index, nightly, stable] = await Promise.all([
    readDocument(tree, indexPlace('ciab')), ...['nightly', 'stable'].map(name => readDocument(tree, channelPlace('ciab', name))),
  ] as const)
  const pointers = [nightly, stable].map(read => read && { current: read.document.kind === 'channel' ? read.document.current?.version : '', previous: read.document.kind === 'channel' ? read.document.previous.map(({ version }) => version) : [] })
  const page = (await tree.bucket.get('p/index.html'))?.text.replaceAll(/\d{4}-\d\d-\d\d\S*/g, 'date')
  return { releases: index?.document.releases.map(({ version, retracted }) => [version, retracted?.reason, retracted?.unfinished]), pointers, page, keys: (await tree.bucket.list('')).map(({ key }) => key) }
}

/** Runs the command with a kill before its nth write, then again, for each n; gives the number of its writes. */
async function killAtEach(t: Test, command: (tree: Tree) => Promise<unknown>): Promise<number> {
  const folder = t.testdir({})
  const whole = await published(folder)
  await command(whole.tree)
  const wanted = await stateOf(whole.tree)
  for (let moment = 0; ; moment += 1) {
    const { tree, bucket } = await published(folder)
    let writes = 0
    bucket.before = call => {
      if (/^(put|putIf|remove) /.test(call) && (writes += 1) > moment) throw new Error('killed')
    }
    const killed = await command(tree).then(() => false, error => {
      if ((error as Error).message !== 'killed') throw error
      return true
    })
    bucket.before = () => {}
    if (!killed) return moment
    await command(tree)
    t.same(await stateOf(tree), wanted, `killed before write ${moment + 1}`)
  }
}

t.test('retract of a channel takes back one release, no other', async t => {
  const retracting = (tree: Tree) => retract(tree, { appliance: 'ciab', what: 'nightly', reason: 'it does not boot', publicUrl })
  t.ok(await killAtEach(t, retracting) >= 5)
  const { tree } = await published(t.testdir({}))
  t.same(await retracting(tree), { version: '4', channels: { nightly: '3', stable: '2' } })
  t.match(await stateOf(tree), { releases: [['4', 'it does not boot', undefined], ['3', undefined], ['2', undefined], ['1', undefined]] })
  t.same(await retracting(tree), { version: '3', channels: { nightly: '2' } }, 'what was ended is not begun again')
})

t.test('retract of a version', async t => {
  await killAtEach(t, tree => retract(tree, { appliance: 'ciab', what: '4', reason: 'it does not boot', publicUrl }))
})

t.test('promote', async t => {
  await killAtEach(t, tree => promote(tree, { appliance: 'ciab', from: 'nightly', to: 'beta', publicUrl }))
})

const pruning = { appliance: 'ciab', keep: 0, keepStable: 0, staleMs: -Infinity, publicUrl } as const

t.test('prune', async t => {
  t.ok(await killAtEach(t, tree => prune(tree, pruning)) >= 5)
  const { tree, bucket } = await published(t.testdir({}))
  t.match(await prune(tree, pruning), { removed: ['3', '2', '1'], kept: ['4'], leftovers: [] })
  t.match(await stateOf(tree), { pointers: [{ current: '4', previous: [] }, { current: '4', previous: [] }] })
  t.equal([...bucket.objects.keys()].some(key => /\/[123]\//.test(key)), false)
})

/** As a prune leaves it that is killed when the releases 1 to 3 are off the list. */
async function cutPrune(folder: string) {
  const made = await published(folder)
  made.bucket.before = call => {
    if (/^remove |^putIf .*channels/.test(call)) throw new Error('killed')
  }
  await prune(made.tree, pruning).catch(() => {})
  made.bucket.before = () => {}
  return made
}

t.test('what a killed prune took off the list goes with the next one when it is old; a dry run tells it', async t => {
  const { tree } = await cutPrune(t.testdir({}))
  t.match(await prune(tree, { ...pruning, staleMs: Infinity }), { removed: [], leftovers: [] }, 'a publisher may be at work there')
  t.match(await wouldPrune(tree, pruning), { removed: [], leftovers: ['1', '2', '3'] })
  t.match(await prune(tree, pruning), { removed: [], kept: ['4'], leftovers: ['1', '2', '3'] })
})

t.test('a folder in which nothing says that it was a release is not ours to delete', async t => {
  const { tree, bucket } = await cutPrune(t.testdir({}))
  const keys = ['p/ciab/docs/guide/manifest.json', 'p/ciab/docs/index.html']
  for (const key of keys) await bucket.put(key, textBody('x'), { ...changingHeaders(key), sha256: '' })
  await bucket.put('p/ciab/0/.claim.json', textBody('{}'), { ...changingHeaders('.claim.json'), sha256: '' })
  await bucket.remove(['p/ciab/1/SHA256SUMS'])
  t.match(await wouldPrune(tree, pruning), { leftovers: ['0', '1', '2', '3'], strange: ['docs'] })
  for (const object of bucket.objects.values()) Object.assign(object, { modifiedMs: object.modifiedMs - 16 * 60_000 })
  t.match(await prune(tree, pruning), { leftovers: ['0', '1', '2', '3'], strange: ['docs'] })
  t.same([...bucket.objects.keys()].filter(key => /^p\/ciab\/(\d|docs)/.test(key) && !key.startsWith('p/ciab/4/')).sort(), keys)
})

t.test('a list that is missing, unreadable or older than the pointers makes no release a leftover', async t => {
  const { tree, bucket } = await published(t.testdir({}))
  const old = await memoryTree()
  await publish(old.tree, requestOf(await localRelease(t.testdirName, '1', { SHA256SUMS: '1' }), join(t.testdirName, 'state')))
  const keep = async (text: string | undefined) => {
    await bucket.remove(['p/ciab/index.json'])
    if (text !== undefined) await bucket.put('p/ciab/index.json', textBody(text), { ...changingHeaders('index.json'), sha256: '' })
    const before = [...bucket.objects.keys()].filter(key => /^p\/ciab\/\d/.test(key))
    await prune(tree, { ...pruning, keep: 14, keepStable: 'all' }).catch(() => {})
    t.same([...bucket.objects.keys()].filter(key => /^p\/ciab\/\d/.test(key)), before)
  }
  await keep(undefined)
  await keep('{')
  await keep((await old.tree.bucket.get('p/ciab/index.json'))?.text)
})
