/** Documents of a tree are read and changed only when they are what they should be. The bucket is a stand-in in memory, the keys are real. */
import t from 'tap'
import { join } from 'node:path'
import { changeDocument, channelNames, channelPlace, emptyIndex, indexPlace, readDocument, renewIndex, renewOthers, renewed, writeDocument } from '../../pipeline/release/published-tree.js'
import { failureOf } from '../fixtures/failure.js'
import { makeSshKey } from '../fixtures/keys.js'
import { memoryTree, treeTime } from '../fixtures/memory-tree.js'
import { channelDocument } from '../fixtures/published-documents.js'

const place = indexPlace('ciab')
const dayMs = 24 * 60 * 60 * 1000

t.test('a change that was overtaken is made again on what the other has written', async t => {
  const { tree, bucket } = await memoryTree()
  const add = (channel: string) => changeDocument(tree, place, before =>
    ({ ...(before?.document ?? emptyIndex('ciab', 'x')), ...renewed(tree, before?.document), channels: [...(before?.document.channels ?? []), channel] }))
  let overtaken = false
  bucket.before = async call => {
    if (overtaken || call !== 'putIf p/ciab/index.json') return
    overtaken = true
    await add('theirs')
  }
  await add('ours')
  t.match((await readDocument(tree, place))?.document, { serial: 2, channels: ['theirs', 'ours'] })
})

t.test('a document in the place of another one, of another key or changed is refused', async t => {
  const folder = t.testdir({})
  const { tree, bucket } = await memoryTree(makeSshKey(join(folder, 'a')))
  const other = await memoryTree(makeSshKey(join(folder, 'b')))
  const nightly = channelPlace('ciab', 'nightly')
  await writeDocument(tree, nightly.key, channelDocument('stable', '1'), null)
  t.same((await failureOf(readDocument(tree, nightly))).details, ['it belongs at ciab/channels/stable.json'])
  await writeDocument(tree, place.key, { ...emptyIndex('ciab', 'x'), ...renewed(tree, undefined) }, null)
  t.equal((await readDocument(tree, place))?.signed, true)
  t.equal((await failureOf(readDocument({ ...tree, trusted: other.tree.trusted }, place))).code, 'signature-wrong')
  const found = bucket.objects.get('p/ciab/index.json')
  found?.bytes.write('y', found.bytes.indexOf('"x"') + 1)
  t.equal((await failureOf(readDocument(tree, place))).code, 'signature-wrong')
})

t.test('what is signed is never written unsigned, and what is not is not signed by the way', async t => {
  const key = makeSshKey(join(t.testdir({}), 'key'))
  const [signed, unsigned] = [await memoryTree(key), await memoryTree()]
  const index = { ...emptyIndex('ciab', 'x'), ...renewed(signed.tree, undefined) }
  t.equal((await failureOf(writeDocument(unsigned.tree, place.key, index, { etag: 'x', signed: true }))).code, 'would-unsign')
  t.equal((await failureOf(writeDocument(signed.tree, place.key, index, { etag: 'x', signed: false }))).code, 'would-adopt')
  t.equal(await writeDocument({ ...signed.tree, adoptUnsigned: true }, place.key, index, { etag: 'x', signed: false }), false, 'only the condition is missed')
})

t.test('channels get a new date before a third of their time is over, with what they point to', async t => {
  const { tree } = await memoryTree()
  for (const name of ['nightly', 'stable']) {
    await writeDocument(tree, channelPlace('ciab', name).key, { ...channelDocument(name, '1'), expires: new Date(treeTime.getTime() + (name === 'stable' ? 19 : 21) * dayMs).toISOString() }, null)
  }
  t.same(await channelNames(tree, 'ciab'), ['nightly', 'stable'])
  await renewOthers(tree, 'ciab')
  const serials = await Promise.all(['nightly', 'stable'].map(name => readDocument(tree, channelPlace('ciab', name))))
  t.same(serials.map(read => [read?.document.serial, read?.document.current?.version]), [[3, '1'], [4, '1']])
})

t.test('the list of releases gets a new date, too, before a third of its time is over', async t => {
  const { tree } = await memoryTree()
  const serialAfter = async (days: number) => {
    await renewIndex({ ...tree, now: () => new Date(treeTime.getTime() + days * dayMs) }, 'ciab')
    return (await readDocument(tree, place))?.document.serial
  }
  t.equal(await serialAfter(0), undefined, 'none is made')
  await writeDocument(tree, place.key, { ...emptyIndex('ciab', 'x'), ...renewed(tree, undefined) }, null)
  t.same([await serialAfter(9), await serialAfter(11)], [1, 2])
})
