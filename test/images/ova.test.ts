/** ova: what happens to a half of it; the whole is read in the tests of its linter and of its targets. */
import t from 'tap'
import { ovaWriter } from '../../pipeline/images/ova.js'
import { failureOnFullDisk, names, skipMount, sourceDateEpoch } from '../fixtures/images.js'

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  const ova = (path: string) => ovaWriter({ path, name: 'disk', disk: names, manifest: 'sha256', sourceDateEpoch, descriptor: async () => '<Envelope/>' })
  t.equal(await failureOnFullDisk(t.testdir({}), ova), 'ENOSPC')
})
