/** Derived ids and their bytes. */
import t from 'tap'
import { derivedUuid, guidBytes } from '../../pipeline/images/guid.js'

t.test('is a UUID of version 8, the same for the same words', async t => {
  const uuid = derivedUuid('vhdx', 'ciab-1.0.0')
  t.match(uuid, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  t.equal(uuid, derivedUuid('vhdx', 'ciab-1.0.0'))
  t.equal(uuid, 'f58bf15d-b38f-89bf-80b2-5e0a0c7196dd', 'releases that are out there keep theirs')
})

t.test('words are told apart, and not only their letters', async t => {
  const uuids = [['ab', 'c'], ['a', 'bc'], ['abc'], ['c', 'ab']].map(words => derivedUuid(...words))
  t.equal(new Set(uuids).size, uuids.length)
})

t.test('is stored with the first three groups turned round', async t => {
  // The EFI system partition, as it stands on every GPT disk.
  t.equal(guidBytes('c12a7328-f81f-11d2-ba4b-00a0c93ec93b').toString('hex'), '28732ac11ff8d211ba4b00a0c93ec93b')
})
