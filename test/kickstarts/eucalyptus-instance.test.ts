/** The demo instance of the eucalyptus appliance, started before a power cut: its virtual machine is gone (stand-in). */
import t from 'tap'
import { EucalyptusMachine } from '../fixtures/eucalyptus-cloud.js'

t.test('an instance that went with the power is ended, though the cloud calls it running, and another one started', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.tell('kill', 'after euca-run-instances')
  t.equal((await box.boot()).code, null)
  box.powerOff()
  const { states, output } = await box.boot()
  t.match(states.at(-1), { state: 'ready' }, output.slice(-1500))
  t.same([box.cloud('instances/i-1'), box.cloud('instances/i-2'), box.cloud('instances/i-3')], ['ended', 'up', undefined])
})
