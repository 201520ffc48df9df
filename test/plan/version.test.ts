import t from 'tap'
import { buildVersion } from '../../pipeline/plan/version.js'

t.test('a version is the spec version, the date of the newest input in UTC, and eight digits of the key', async t => {
  const input = { specVersion: '1.2.3', sourceDateEpoch: 1_764_028_799, key: '0123456789abcdef' }
  t.equal(buildVersion(input), '1.2.3+20251124.01234567')
  t.equal(buildVersion({ ...input, sourceDateEpoch: input.sourceDateEpoch + 1 }), '1.2.3+20251125.01234567')
})
