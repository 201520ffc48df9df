/** Target xen: the common contract on a disk with a boot menu, its texts word for word, and the faults its checks find. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import xen from '../../pipeline/targets/xen.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'
import { makeSealedGolden } from '../fixtures/sealed-golden.js'
import { exportTarget, options, realDeps, signal, sourceDateEpoch, spec, testOddTitle, testSpoiledFiles, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

await testTarget(xen, makeSealedGolden)
await testSpoiledFiles(xen, makeSealedGolden)
await testOddTitle(xen, makeSealedGolden)

const again = '(Export it again: pipeline build --target xen)'

t.test('starts both kinds of guests, and knows which is which', async t => {
  const boots = xen.xenBoots?.({ spec, version, options, usedBytes: 1e8 }) ?? []
  t.same(boots.map(({ name, virtualisation }) => [name, virtualisation]), [['pv', 'para'], ['hvm', 'full']])
})

t.test('writes configurations and page word for word', async t => {
  const directory = t.testdir({})
  await exportTarget(xen, { goldenDisk: await makeSealedGolden(t.testdir({})), directory })
  for (const name of ['hvm.cfg', 'pv.cfg', 'start.sh', 'README.txt']) matchGolden(t, `xen/${name}`, readFileSync(join(directory, name), 'utf8'))
})

t.test('names each fault of configurations and boot menu', async t => {
  const directory = t.testdir({})
  const goldenDisk = writeGoldenDisk(t.testdir({}))
  await exportTarget(xen, { goldenDisk, directory })
  for (const [name, change, to] of [['hvm.cfg', /hap = 1/, 'altp2m = 1'], ['pv.cfg', /vcpus = 2/, 'no setting']] as const) {
    const path = join(directory, name)
    writeFileSync(path, readFileSync(path, 'utf8').replace(change, to))
  }
  const error = await failureOf(xen.verify({ spec, version, sourceDateEpoch, options, directory, signal, goldenDisk }, realDeps))
  t.strictSame(error.details, [
    `xen/hvm.cfg has hap = nothing, wanted 1. ${again}`,
    `xen/hvm.cfg must not set altp2m. ${again}`,
    `xen/pv.cfg cannot be read: pv.cfg is no configuration of xl: line 8 is no name = value: no setting. ${again}`,
    `xen/ciab-${version}.qcow2 holds no kernel that pygrub finds. ${again}`,
  ])
})
