import t from 'tap'
import { doomedOf } from '../../pipeline/release/manage.js'
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
