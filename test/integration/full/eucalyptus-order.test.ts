/** Wrong orders of the eucalyptus appliance's steps: the stand-in for the commands refuses each, and the boot says why. */
import t from 'tap'
import { EucalyptusMachine } from '../../fixtures/eucalyptus-cloud.js'
import { orders } from '../../fixtures/eucalyptus-faults.js'

for (const [left, [step, reason]] of Object.entries(orders)) {
  t.test(`without ${left} the stand-in refuses, and ${step} fails with a reason`, async t => {
    const box = await EucalyptusMachine.create(t.testdir({}))
    box.removeStep(left)
    const { code, states, output } = await box.boot()
    t.equal(code, 1, output)
    t.match(states.at(-1), { state: 'failed', step, reason })
  })
}
