/**
 * In a signed tree nothing is moved, taken back or deleted by what nobody has signed. The bucket is a stand-in in memory, and
 * ssh-keygen is played: it finds every signature right.
 */
import t from 'tap'
import { join } from 'node:path'
import type { ChannelDocument, IndexDocument, Sealed } from '../../pipeline/release/documents.js'
import { promote, retract } from '../../pipeline/release/manage.js'
import { prune, wouldPrune } from '../../pipeline/release/prune.js'
import { changingHeaders } from '../../pipeline/release/object-headers.js'
import { channelPlace, indexPlace, readDocument, writeDocument } from '../../pipeline/release/published-tree.js'
import type { Tree } from '../../pipeline/release/published-tree.js'
import { publish } from '../../pipeline/release/publish.js'
import { textBody } from '../../pipeline/tools/body.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { localRelease, requestOf } from '../fixtures/local-release.js'
import type { MemoryBucket } from '../fixtures/memory-bucket.js'
import { memoryTree } from '../fixtures/memory-tree.js'
import { channelDocument, indexDocument, listedRelease } from '../fixtures/published-documents.js'

const publicUrl = 'https://downloads.example.org/'
const [index, nightly, stable] = ['ciab/index.json', 'ciab/channels/nightly.json', 'ciab/channels/stable.json'] as const
const pruning = { appliance: 'ciab', keep: 14, keepStable: 'all', staleMs: -Infinity, publicUrl } as const

/** Every command that moves, marks or deletes by what lies there, and the documents that it goes by. */
const commandsOf = (folder: string): Readonly<Record<string, { readonly run: (tree: Tree) => Promise<unknown>; readonly by: readonly string[] }>> => ({
  publish: { run: async tree => publish(tree, requestOf(await localRelease(folder, '4', { SHA256SUMS: '4' }, { signatures: ['ssh'] }), join(folder, 'state'))), by: [index, nightly] },
  promote: { run: tree => promote(tree, { appliance: 'ciab', from: 'nightly', to: 'stable', publicUrl }), by: [index, nightly, stable] },
  'retract a channel': { run: tree => retract(tree, { appliance: 'ciab', what: 'nightly', reason: 'no', publicUrl }), by: [index, nightly] },
  'retract a version': { run: tree => retract(tree, { appliance: 'ciab', what: '2', reason: 'no', publicUrl }), by: [index, stable] },
  'prune of leftovers': { run: tree => prune(tree, pruning), by: [index, nightly, stable] },
  prune: { run: tree => prune(tree, { ...pruning, keep: 0, keepStable: 0 }), by: [index, nightly, stable] },
  'prune --dry-run': { run: tree => wouldPrune(tree, pruning), by: [index, nightly, stable] },
})

/** Releases 3, 2 and 1, with files; nightly points to 3, stable to 2. */
async function signedTree() {
  const { run } = fakeRun([{ on: /^ssh-keygen -q -Y verify / }])
  const made = await memoryTree(undefined, { run, trusted: { ssh: ['ssh-ed25519 AAAA'], openpgp: [] }, sign: async () => [{ kind: 'ssh', text: 'a signature' }] })
  const { tree, bucket } = made
  await writeDocument(tree, index, indexDocument(['3', '2', '1'].map(version => listedRelease(version))), null)
  await writeDocument(tree, nightly, channelDocument('nightly', '3'), null)
  await writeDocument(tree, stable, channelDocument('stable', '2'), null)
  for (const version of ['3', '2', '1']) await put(bucket, `ciab/${version}/kvm/disk`, version)
  return made
}

async function put(bucket: MemoryBucket, key: string, text: string): Promise<void> {
  await bucket.put(`p/${key}`, textBody(text), { ...changingHeaders(key), sha256: '' })
}

/** What somebody may write who has no key; nothing in it is older than before. */
async function forge(bucket: MemoryBucket, key: string): Promise<void> {
  const { signed } = JSON.parse(bucket.objects.get(`p/${key}`)?.bytes.toString() ?? '') as Sealed<IndexDocument | ChannelDocument>
  const changed = signed.kind === 'index' ? { ...signed, releases: signed.releases.filter(({ version }) => version !== '1') } : { ...signed, current: { version: '1', sha256: 'ef'.repeat(32), sizeBytes: 9 } }
  await put(bucket, key, JSON.stringify({ signed: key === stable ? signed : changed, signatures: [] }))
}

const stateOf = (bucket: MemoryBucket) => new Map([...bucket.objects].map(([key, { bytes }]) => [key, bytes.toString()]))

t.test('an index or a pointer that nobody signed is refused by every command that goes by it, and nothing is written', async t => {
  for (const key of [index, nightly, stable]) {
    const folder = t.testdir({})
    const { tree, bucket } = await signedTree()
    await forge(bucket, key)
    const before = stateOf(bucket)
    for (const [name, { run }] of Object.entries(commandsOf(folder)).filter(([, { by }]) => by.includes(key))) {
      const failure = await failureOf(run(tree))
      t.same([failure.code, failure.exitCode, failure.message], ['would-adopt', 6, `${key} is not signed; signing it now would vouch for what anybody may have written there.`], `${name}: ${key}`)
      t.same(stateOf(bucket), before, `${name} changes nothing: ${key}`)
    }
  }
})

t.test('a signed tree is left alone by who has no key, before anything is written', async t => {
  const folder = t.testdir({})
  const { tree: { sign: _none, ...tree }, bucket } = await signedTree()
  const before = stateOf(bucket)
  for (const [name, { run }] of Object.entries(commandsOf(folder)).filter(([name]) => name !== 'publish')) {
    t.equal((await failureOf(run(tree))).code, 'would-unsign', name)
    t.same(stateOf(bucket), before, `${name} changes nothing`)
  }
})

t.test('what is without its signature only while a prune is at work costs no release', async t => {
  for (const { key, first, last, ...more } of [
    { key: index, first: 'folders p/ciab/', last: 'list p/ciab/1/' },
    { key: stable, first: 'putIf p/ciab/index.json', last: 'folders p/ciab/', keep: 0, keepStable: 0 },
  ]) {
    const { tree, bucket } = await signedTree()
    const text = bucket.objects.get(`p/${key}`)?.bytes.toString() ?? ''
    bucket.before = async call => {
      if (call !== first && call !== last) return
      bucket.before = call === last ? () => {} : bucket.before
      await (call === first ? forge(bucket, key) : put(bucket, key, text))
    }
    t.equal((await failureOf(prune(tree, { ...pruning, ...more }))).code, 'would-adopt', key)
    t.ok(bucket.objects.has('p/ciab/1/kvm/disk'), key)
  }
})

t.test('what a channel is moved to is the bytes that the list names, whatever the other pointer says', async t => {
  const { tree, bucket } = await signedTree()
  await forge(bucket, nightly)
  t.same(await promote({ ...tree, adoptUnsigned: true }, { appliance: 'ciab', from: 'nightly', to: 'stable', publicUrl }), { version: '1', moved: true })
  t.same((await readDocument(tree, channelPlace('ciab', 'stable')))?.document.current, { version: '1', sha256: 'cd'.repeat(32), sizeBytes: 4000 })
})

t.test('--adopt-unsigned seals the index and every pointer, so that later commands do without', async t => {
  const { tree, bucket } = await signedTree()
  for (const key of [index, nightly, stable]) await forge(bucket, key)
  await prune({ ...tree, adoptUnsigned: true }, { ...pruning, staleMs: Infinity })
  for (const place of [indexPlace('ciab'), channelPlace('ciab', 'nightly'), channelPlace('ciab', 'stable')]) t.equal((await readDocument(tree, place))?.signed, true, place.key)
  await prune(tree, { ...pruning, staleMs: Infinity })
})
