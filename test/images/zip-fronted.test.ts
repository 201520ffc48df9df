/** A zip with a fronted image in it: what happens to a half of it; the whole is read in the tests of its targets. */
import t from 'tap'
import { hds } from '../../pipeline/images/hds.js'
import { zipFronted } from '../../pipeline/images/zip-fronted.js'
import { failureOnFullDisk, skipMount, sourceDateEpoch } from '../fixtures/images.js'

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  const zip = (path: string) => zipFronted({ path, sourceDateEpoch, files: [], diskName: 'disk.hds', format: hds })
  t.equal(await failureOnFullDisk(t.testdir({}), zip), 'ENOSPC')
})
