/** The eucalyptus appliance's first boot, killed in every step, against a stand-in for the commands: it must end in ready. */
import t from 'tap'
import { EucalyptusMachine } from '../../fixtures/eucalyptus-cloud.js'

/** Moment and call at which the step and the engine are killed, one in each step that changes anything. */
const kills: Readonly<Record<string, readonly string[]>> = {
  '10-identity': ['before chpasswd', 'after chpasswd'],
  '20-network': ['after systemctl restart network', 'before hostname evc'],
  '25-clock': ['after systemctl start chronyd'],
  '35-bridge': ['after systemctl start evc-bridge'],
  '40-initialise': ['before clcadmin-initialize-cloud', 'middle clcadmin-initialize-cloud', 'after clcadmin-initialize-cloud'],
  '45-start': ['after systemctl start eucalyptus-cloud'],
  '50-services': ['after euserv-register-service -t user-api', 'after euserv-register-service -t walrus', 'after euserv-register-service -t cluster', 'before euserv-register-service -t storage'],
  '55-backends': ['after euctl objectstorage', 'after euctl evc-1.storage'],
  '60-keys': ['before chown eucalyptus:eucalyptus'],
  '65-node': ['after systemctl start eucalyptus-node', 'after clusteradmin-register-nodes'],
  '70-network-document': ['after euctl cloud.network', 'before systemctl start eucanetd'],
  '75-credentials': ['after euare-useraddloginprofile --as-account eucalyptus'],
  '80-console': ['after systemctl start eucaconsole'],
  '85-demo-account': ['after euare-accountcreate', 'after euare-useraddloginprofile --as-account demo', 'after euca-create-keypair', 'after euca-authorize'],
  '90-demo-image': ['after euca-install-image', 'after euca-modify-image-attribute'],
  '95-demo-instance': ['after euca-run-instances', 'before ssh'],
}

for (const [step, moments] of Object.entries(kills)) {
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
  })
}
