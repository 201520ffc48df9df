/** How the eucalyptus appliance registers its demo image: in the name of an account whose id it must find out (stand-in). */
import t from 'tap'
import { EucalyptusMachine } from '../fixtures/eucalyptus-cloud.js'

async function upToTheImage(folder: string): Promise<EucalyptusMachine> {
  const box = await EucalyptusMachine.create(folder)
  box.endAfter('90')
  return box
}

t.test('the image is bundled for the account that the cloud names', async t => {
  const box = await upToTheImage(t.testdir({}))
  const { states, output } = await box.boot()
  t.match(states.at(-1), { state: 'ready' }, output.slice(-1500))
  t.match(box.calls.filter(call => call.startsWith('euca-install-image ')), [/ --user 000987654321 /])
})

t.test('without an id nothing is bundled, and the step says why', async t => {
  const box = await upToTheImage(t.testdir({}))
  box.tell('no-account', '')
  const { states, output } = await box.boot()
  t.match(states.at(-1), { state: 'failed', step: 'demo-image', reason: 'the demo image could not be registered' })
  t.match(output, /euare-accountlist tells no id of the account eucalyptus/)
  t.same(box.calls.filter(call => call.startsWith('euca-install-image')), [])
})
