/** The making of the cloud on the eucalyptus appliance: what a power cut may find on the disk (a folder, with the stand-in). */
import t from 'tap'
import { rmSync } from 'node:fs'
import { EucalyptusMachine } from '../fixtures/eucalyptus-cloud.js'

t.test('the mark of a half-made cloud is taken away only when the cloud is on the disk', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.endAfter('40')
  const sync = box.path('../bin/sync')
  // It may be a link to the stand-in.
  rmSync(sync)
  const both = `[ -e '${box.path('var/lib/evc/initialising')}' ] && [ -s '${box.path('var/lib/eucalyptus/keys/cloud-cert.pem')}' ]`
  box.write('../bin/sync', `#!/bin/sh\nif ${both}; then echo made >'${box.path('../synced')}'; fi\n`, 0o755)
  const { states, output } = await box.boot()
  t.match(states.at(-1), { state: 'ready' }, output.slice(-1500))
  t.same([box.has('../synced'), box.has('var/lib/evc/initialising')], [true, false])
})
