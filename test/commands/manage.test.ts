import t from 'tap'
import { linesOf } from '../../pipeline/commands/manage.js'
import { listedRelease } from '../fixtures/published-documents.js'

t.test('releases marks each release that is not signed, and all of them where the list is not', t => {
  const unsigned = (signed: boolean) => linesOf({
    appliance: 'ciab', signed, expires: '2026-12-24T04:00:00.000Z', channels: [], releases: [listedRelease('2'), listedRelease('1', { signed: false })],
  }).map(line => line.includes('UNSIGNED'))
  t.same(unsigned(true), [false, true])
  t.same(unsigned(false), [true, true])
  t.end()
})
