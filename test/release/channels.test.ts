/** Where a channel's pointer goes, and who wins. The bucket is a stand-in in memory. */
import t from 'tap'
import { moveChannel, movedBack } from '../../pipeline/release/channels.js'
import type { ChannelDocument, ReleaseReference } from '../../pipeline/release/documents.js'
import { channelPlace, readDocument } from '../../pipeline/release/published-tree.js'
import { failureOf } from '../fixtures/failure.js'
import { memoryTree } from '../fixtures/memory-tree.js'

const to = (version: string): ReleaseReference => ({ version, sha256: 'ab'.repeat(32), sizeBytes: 5 })
const place = channelPlace('ciab', 'nightly')
const move = (version: string, more: object = {}) => ({ appliance: 'ciab', channel: 'nightly', to: to(version), verified: true, seen: undefined, ...more })

t.test('each move counts the serial up and remembers what was before, once', async t => {
  const { tree, said } = await memoryTree()
  for (const version of ['1', '2', '1']) t.equal(await moveChannel(tree, move(version, { seen: await readDocument(tree, place) })), true)
  const seen = await readDocument(tree, place)
  t.match(seen?.document, { serial: 3, current: { version: '1' }, previous: [{ version: '2' }] })
  t.equal(seen?.document.previous.length, 1)
  t.equal(await moveChannel(tree, move('1', { seen })), false, 'it points there already')
  t.same(said, ['1', '2', '1', '1'].map(version => `readers of nightly get ${version}`), 'said at once, whatever fails behind it')
})

t.test('who moved it in the meantime stays the winner, and the other is told', async t => {
  const { tree, said } = await memoryTree()
  const seen = await readDocument(tree, place)
  await moveChannel(tree, move('2', { seen }))
  said.length = 0
  const failure = await failureOf(moveChannel(tree, move('1', { seen })))
  t.same([failure.code, failure.message], ['channel-moved', 'Another publisher moved nightly to 2 in the meantime; it stays there.'])
  t.match((await readDocument(tree, place))?.document.current, { version: '2' })
  t.same(said, [])
})

t.test('stable never points to what is not verified', async t => {
  const { tree, bucket } = await memoryTree()
  const failure = await failureOf(moveChannel(tree, move('1', { channel: 'stable', verified: false })))
  t.equal(failure.message, '1 is not verified, and stable never points to such a release.')
  t.same([...bucket.objects.keys()], [])
})

t.test('back means the newest release before that was not taken back, or none', async t => {
  const { tree } = await memoryTree()
  const before: ChannelDocument = {
    formatVersion: 1, kind: 'channel', appliance: 'ciab', channel: 'nightly', serial: 7, date: '', expires: '', current: to('4'), previous: [to('3'), to('2'), to('1')],
  }
  t.match(movedBack(tree, before, new Set(['4', '3'])), { serial: 8, current: { version: '2' }, previous: [{ version: '1' }] })
  const none = movedBack(tree, before, new Set(['1', '2', '3', '4']))
  t.same([none.current, none.previous, none.serial], [undefined, [], 8])
})
