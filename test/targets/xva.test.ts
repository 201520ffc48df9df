/** Target xva: the common contract, its texts word for word, nesting from the spec, and a description that lacks a field. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Spec } from '../../pipeline/spec/types.js'
import xva from '../../pipeline/targets/xva.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'
import { exportTarget, foundBy, options, realDeps, signal, sourceDateEpoch, spec, testSpoiledFiles, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

await testTarget(xva)
await testSpoiledFiles(xva)

const file = `ciab-${version}.xva`

t.test('writes description and page word for word', async t => {
  const directory = t.testdir({})
  await exportTarget(xva, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  matchGolden(t, 'xva/ova.xml', (await realDeps.run(['tar', '-xOf', join(directory, file), 'ova.xml'])).stdout)
  for (const name of ['import.sh', 'README.txt']) matchGolden(t, `xva/${name}`, readFileSync(join(directory, name), 'utf8'))
})

t.test('a title with special letters and no nesting still gives a file that passes', async t => {
  const directory = t.testdir({})
  const odd: Spec = { ...spec, title: `A "box", <it's> & é`, nestedVirt: 'off' }
  await exportTarget(xva, { spec: odd, goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  const passed = await xva.verify({ spec: odd, version, sourceDateEpoch, options, directory, signal }, realDeps)
  t.match(foundBy(passed, 'description of the machine'), 'VM memory_static_max')
  t.notMatch(foundBy(passed, 'description of the machine'), 'nested')
})

t.test('names a field that xapi could not do without, and a block that was changed', async t => {
  const directory = t.testdir({})
  await exportTarget(xva, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  const bytes = readFileSync(join(directory, file))
  bytes.write('<name>domarcX', bytes.indexOf('<name>domarch<'), 'latin1')
  // Noise of the first block, behind the headers.
  bytes.write('changed', bytes.indexOf('Ref:002/00000000') + 512 + 5000, 'latin1')
  writeFileSync(join(directory, file), bytes)
  const error = await failureOf(xva.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps))
  t.equal(error.details[0], `xva/${file} holds ova.xml, which lacks VM domarch. (Export it again: pipeline build --target xva)`)
  t.match(error.details[1], `xva/${file} is refused by xva-img: `)
})
