/** Which known word is offered for a mistyped one, and when none is. */
import t from 'tap'
import { nearest, suggest } from '../../pipeline/errors/nearest.js'

const known = ['cpus', 'memoryMib', 'diskGib', 'kvm', 'vmware']

t.test('finds the word that was meant', async t => {
  const cases: Record<string, string | undefined> = {
    cpu: 'cpus',
    memoryMb: 'memoryMib',
    MEMORYMIB: 'memoryMib',
    diskGbi: 'diskGib',
    kmv: 'kvm',
    vmwere: 'vmware',
    colour: undefined,
    x: undefined,
    '': undefined,
  }
  for (const [word, wanted] of Object.entries(cases)) t.equal(nearest(word, known), wanted, `"${word}"`)
})

t.test('a suggestion names the near word, else the known ones', async t => {
  t.equal(suggest('kvn', ['kvm', 'vmware']), 'Did you mean "kvm"?')
  t.equal(suggest('parallels', ['kvm', 'vmware'], 'Targets'), 'Targets: kvm, vmware.')
  t.equal(suggest('parallels', [], 'Targets'), 'Targets: none.')
})
