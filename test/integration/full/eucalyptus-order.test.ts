/** Wrong orders of the eucalyptus appliance's steps: the stand-in for the commands refuses each, and the boot says why. */
import t from 'tap'
import { mannersOf } from '../../../pipeline/stages/verify-manners.js'
import { EucalyptusMachine } from '../../fixtures/eucalyptus-cloud.js'
import { missedByPromise, moves, orders } from '../../fixtures/eucalyptus-faults.js'

for (const [left, [step, reason]] of Object.entries(orders)) {
  t.test(`without ${left} the stand-in refuses, and ${step} fails with a reason`, async t => {
    const box = await EucalyptusMachine.create(t.testdir({}))
    box.removeStep(left)
    const { code, states, output } = await box.boot()
    t.equal(code, 1, output)
    t.match(states.at(-1), { state: 'failed', step, reason })
  })
}

for (const { step, to, failed, reason, refusal } of moves) {
  t.test(`with ${step} at ${to} the stand-in refuses, and ${failed} fails with a reason`, async t => {
    const box = await EucalyptusMachine.create(t.testdir({}))
    box.moveStep(step, to)
    const { code, states, output } = await box.boot()
    t.equal(code, 1, output)
    t.match(states.at(-1), { state: 'failed', step: failed, reason })
    t.match(output, refusal)
  })
}

t.test('no step may be missing: a command refuses, or a verification has a promise for it', async t => {
  const { entering, everyBoot, oneBoot } = mannersOf({ family: 'el' })
  const promises = [entering, ...Object.keys(everyBoot), ...Object.keys(oneBoot)]
  for (const [step, promise] of Object.entries(missedByPromise)) t.ok(promises.includes(promise), `${step}: ${promise}`)
  const box = await EucalyptusMachine.create(t.testdir({}))
  t.same(Object.keys({ ...orders, ...missedByPromise }).sort(), box.steps())
})
