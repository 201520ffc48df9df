/** Documents of a tree are read and changed only when they are what they should be. The bucket is a stand-in in memory, the keys are real. */
import t from 'tap'
import { join } from 'node:path'
import { changeDocument, channelNames, channelPlace, emptyIndex, indexPlace, readChannels, readDocument, renewIndex, renewOthers, renewed, writeDocument } from '../../pipeline/release/published-tree.js'
import { readAppliance } from '../../pipeline/release/put-back.js'
import { textBody } from '../../pipeline/tools/body.js'
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

t.test('of many pointers a few are read at a time, and after the first bad one no more', async t => {
  const { tree, bucket } = await memoryTree()
  const names = Array.from({ length: 40 }, (_, at) => `c${String(at).padStart(2, '0')}`)
  for (const name of names) await writeDocument(tree, channelPlace('ciab', name).key, channelDocument(name, '1'), null)
  let [reading, most, asked] = [0, 0, 0]
  bucket.before = async call => {
    if (!call.startsWith('get ')) return
    most = Math.max(most, (reading += 1))
    asked += 1
    await new Promise(resolve => setImmediate(resolve))
    reading -= 1
  }
  t.same((await readAppliance(tree, 'ciab')).channels.map(({ document }) => document.channel), names)
  t.equal(most, 8)
  await bucket.put('p/ciab/channels/c03.json', textBody('{'), { contentType: '', cacheControl: '', sha256: '' })
  asked = 0
  t.equal((await failureOf(readChannels(tree, 'ciab'))).code, 'document-wrong')
  t.ok(asked < 20, String(asked))
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
