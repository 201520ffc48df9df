/** The default appliance as a build hands it on: its kickstart, the script compiled from it, and what provision lays down. */
import t from 'tap'
import { renderAppliance } from '../../pipeline/render/appliance.js'
import { loadAppliance } from '../../pipeline/spec/load.js'
import { targetNames } from '../../pipeline/targets/index.js'
import { repository } from '../fixtures/cli-run.js'
import { matchGolden } from '../fixtures/golden.js'

t.test('renders the kickstart and the install script of ciab', async t => {
  const rendered = await renderAppliance(await loadAppliance({ root: repository, name: 'ciab', knownTargets: await targetNames() }))
  matchGolden(t, 'ciab/ciab.ks', rendered.kickstart)
  const script = rendered.installFiles.find(file => file.path === 'install.sh')?.content.toString('utf8') ?? ''
  // Its place on this machine stands in the messages.
  matchGolden(t, 'ciab/install.sh', script.replaceAll(repository, '/repository/'))
  matchGolden(t, 'ciab/provision.txt', rendered.provisionFiles.map(file => `${file.mode.toString(8)} ${file.path}\n`).join(''))
})
