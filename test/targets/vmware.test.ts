/** Target vmware: the common contract, its texts word for word, and a title that no descriptor likes. */
import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import vmware from '../../pipeline/targets/vmware.js'
import { parseVmx } from '../../pipeline/tools/vmx.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'
import { exportTarget, options, realDeps, signal, sourceDateEpoch, spec, testSpoiledFiles, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

const folder = `ciab-${version}`
const vmx = `${folder}/${folder}.vmx`

await testTarget(vmware)
await testSpoiledFiles(vmware)

t.test('writes its texts word for word', async t => {
  const directory = t.testdir({})
  await exportTarget(vmware, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  matchGolden(t, 'vmware/machine.vmx', readFileSync(join(directory, vmx), 'utf8'))
  for (const name of ['start.sh', 'start.ps1', 'README.txt']) matchGolden(t, `vmware/${name}`, readFileSync(join(directory, folder, name), 'utf8'))
})

t.test('a title with special letters comes back whole; without nesting vhv is off', async t => {
  const directory = t.testdir({})
  const title = 'A "box" | <it\'s> & größer'
  await exportTarget(vmware, { goldenDisk: writeGoldenDisk(t.testdir({})), directory, spec: { ...spec, title, nestedVirt: 'off' } })
  const found = parseVmx(readFileSync(join(directory, vmx), 'utf8'), vmx)
  t.equal(found.get('displayname'), `${title} ${version}`)
  t.equal(found.get('vhv.enable'), 'FALSE')
})

t.test('verification names a wrong key and a zip that holds something else', async t => {
  const directory = t.testdir({})
  await exportTarget(vmware, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  const path = join(directory, vmx)
  writeFileSync(path, readFileSync(path, 'utf8').replace('pvscsi', 'lsilogic'))
  const error = await failureOf(vmware.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps))
  const again = '(Export it again: pipeline build --target vmware)'
  t.equal(formatError(error), [
    'error: 2 problems:',
    `vmware/${vmx} has scsi0.virtualdev = "lsilogic", wanted "pvscsi". ${again}`,
    `vmware/${folder}.zip holds another ${vmx} than lies beside it. ${again}`,
  ].join('\n  '))
})
