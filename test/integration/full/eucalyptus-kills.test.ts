/** The eucalyptus appliance's first boot, killed in every step, against a stand-in for the commands: it must end in ready. */
import t from 'tap'
import { EucalyptusMachine } from '../../fixtures/eucalyptus-cloud.js'
import { kills } from '../../fixtures/eucalyptus-faults.js'

/** A folder has no partition to grow, no accounts, and its files are put in place by the real mv: these are killed in the VM. */
const onlyInVm = ['05-grow', '06-vagrant', '30-configuration']

for (const [step, moments] of Object.entries(kills).filter(([step]) => !onlyInVm.includes(step))) {
  t.test(`${step}, killed ${moments.length === 1 ? 'once' : `${moments.length} times`}, still ends in ready`, async t => {
    const box = await EucalyptusMachine.create(t.testdir({}))
    for (const moment of moments) {
      box.tell('kill', moment)
      const { states, output } = await box.boot()
      t.ok(box.cloud('killed') !== undefined, `${moment} came: ${output.slice(-500)}`)
      t.not(states.at(-1)?.['state'], 'ready', moment)
      box.forget('killed')
      // Every other time the machine loses its power and not only the process.
      if (moment.startsWith('after')) box.powerOff()
    }
    const { states, output } = await box.boot()
    t.equal(states.at(-1)?.['state'], 'ready', output.slice(-1500))
    t.equal(box.ownerOf('home/evc/demo.pem'), 'evc:evc')
    t.equal(box.ownerOf('var/lib/eucalyptus/keys/node-pk.pem'), 'eucalyptus:eucalyptus')
  })
}
