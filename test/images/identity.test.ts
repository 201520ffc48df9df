/** Content ids of VMDK files. */
import t from 'tap'
import { derivedCid, derivedContentId } from '../../pipeline/images/identity.js'

const seeds = Array.from({ length: 64 }, (_, at) => `ciab-1.0.${at}`)

t.test('have the form that readers expect, and are never one of those with a meaning', async t => {
  for (const seed of seeds) {
    t.match(derivedCid(seed), /^[0-7][0-9a-f]{7}$/, `${seed}: neither ffffffff nor fffffffe`)
    t.match(derivedContentId(seed), /^[0-9a-f]{32}$/, seed)
  }
})

t.test('are the same for the same seed, and others for every other', async t => {
  t.strictSame(seeds.map(derivedCid), seeds.map(derivedCid))
  t.equal(new Set(seeds.map(derivedCid)).size, seeds.length)
  t.equal(new Set(seeds.map(derivedContentId)).size, seeds.length)
  t.not(derivedContentId('x').slice(0, 8), derivedCid('x'), 'one does not tell the other')
})
