/** Identifiers derived from a seed. */
import t from 'tap'
import { deterministicUuid, deterministicVolumeId } from '../../pipeline/kickstart/identifiers.js'

t.test('a UUID is always the same, and marked as free form', async t => {
  t.equal(deterministicUuid('ciab-0.1.0', 'disk'), deterministicUuid('ciab-0.1.0', 'disk'))
  t.match(
    deterministicUuid('ciab-0.1.0', 'disk'),
    /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/
  )
})

t.test('another seed, another name or another split gives another UUID', async t => {
  const all = [
    ['a', 'bc'],
    ['ab', 'c'],
    ['a', 'b'],
    ['b', 'bc'],
  ].map(([seed = '', name = '']) => deterministicUuid(seed, name))
  t.equal(new Set(all).size, 4)
})

t.test('a volume id is eight upper-case hex digits', async t => {
  t.match(deterministicVolumeId('a', 'b'), /^[0-9A-F]{8}$/)
  t.not(deterministicVolumeId('a', 'b'), deterministicVolumeId('a', 'c'))
})
