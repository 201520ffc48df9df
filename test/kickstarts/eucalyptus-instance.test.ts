/** The demo instance of the eucalyptus appliance, started before its set-up was cut short: by the power, or by a kill (stand-in). */
import t from 'tap'
import { EucalyptusMachine } from '../fixtures/eucalyptus-cloud.js'

/** A machine whose set-up was killed as soon as its instance was started. */
async function cutShort(folder: string): Promise<EucalyptusMachine> {
  const box = await EucalyptusMachine.create(folder)
  box.tell('kill', 'after euca-run-instances')
  const { code, output } = await box.boot()
  if (code !== null) throw new Error(`the set-up was not killed: ${output.slice(-1500)}`)
  return box
}

const instances = (box: EucalyptusMachine) => ['i-1', 'i-2', 'i-3'].map(id => box.cloud(`instances/${id}`))

t.test('an instance that went with the power is ended, though the cloud calls it running, and another one started', async t => {
  const box = await cutShort(t.testdir({}))
  box.powerOff()
  const { states, output } = await box.boot()
  t.match(states.at(-1), { state: 'ready' }, output.slice(-1500))
  t.same(instances(box), ['ended', 'up', undefined])
})

t.test('one that lives on where only the set-up was killed is kept', async t => {
  const box = await cutShort(t.testdir({}))
  const { states, output } = await box.boot()
  t.match(states.at(-1), { state: 'ready' }, output.slice(-1500))
  t.same(instances(box), ['up', undefined, undefined])
})
