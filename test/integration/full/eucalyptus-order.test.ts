/** Wrong orders of the eucalyptus appliance's steps: the stand-in for the commands refuses each, and the boot says why. */
import t from 'tap'
import { EucalyptusMachine } from '../../fixtures/eucalyptus-cloud.js'

/** By the step that is left out: where it shows, and what is said. */
const orders: Readonly<Record<string, readonly [step: string, reason: RegExp]>> = {
  '30-configuration': ['initialise', /^the cloud could not be initialised/],
  '35-bridge': ['network-document', /^eucanetd did not start/],
  '40-initialise': ['start', /^eucalyptus-cloud did not start/],
  '45-start': ['services', /^the service api\.192\.168\.42\.2 could not be registered/],
  '50-services': ['backends', /^the object storage service is not there/],
  '55-backends': ['demo-image', /^the demo image could not be registered/],
  '60-keys': ['node', /^eucalyptus-node did not start/],
  '65-node': ['demo-instance', /^the node has no room for an instance/],
  '70-network-document': ['demo-instance', /^the demo instance could not be started/],
  '85-demo-account': ['demo-instance', /^the demo instance could not be started/],
  '90-demo-image': ['demo-instance', /^the demo instance could not be started/],
}

for (const [left, [step, reason]] of Object.entries(orders)) {
  t.test(`without ${left} the stand-in refuses, and ${step} fails with a reason`, async t => {
    const box = await EucalyptusMachine.create(t.testdir({}))
    box.removeStep(left)
    const { code, states, output } = await box.boot()
    t.equal(code, 1, output)
    t.match(states.at(-1), { state: 'failed', step, reason })
  })
}
