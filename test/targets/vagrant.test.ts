/** Target vagrant: the common contract on a disk with a file system, its texts word for word, and boxes that differ from it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { boxName, boxVersion, providers } from '../../pipeline/targets/target-boxes.js'
import vagrant from '../../pipeline/targets/vagrant.js'
import { sha256File } from '../../pipeline/tools/checksum.js'
import { matchGolden } from '../fixtures/golden.js'
import { makeSealedGolden } from '../fixtures/sealed-golden.js'
import { exportTarget, options, realDeps, spec, testTarget, version } from '../fixtures/target-contract.js'

await testTarget(vagrant, makeSealedGolden)

const release = { spec, version }

t.test('writes descriptors and page word for word, and a catalog with the sums of the boxes', async t => {
  const directory = t.testdir({})
  await exportTarget(vagrant, { goldenDisk: await makeSealedGolden(t.testdir({})), directory })
  for (const provider of providers) {
    const box = join(directory, boxName(release, provider))
    const member = async (name: string) => (await realDeps.run(['bsdtar', '-xOf', box, name])).stdout
    matchGolden(t, `vagrant/${provider}.Vagrantfile`, await member('Vagrantfile'))
    matchGolden(t, `vagrant/${provider}.metadata.json`, await member('metadata.json'))
  }
  for (const name of ['start.sh', 'README.txt']) matchGolden(t, `vagrant/${name}`, readFileSync(join(directory, name), 'utf8'))
  const catalog = JSON.parse(readFileSync(join(directory, 'ciab.json'), 'utf8'))
  t.match(catalog, { name: 'evc/ciab', versions: [{ version: '0.1.0', providers: [] }] })
  for (const { name, url, checksum } of catalog.versions[0].providers) {
    t.equal(url, boxName(release, name))
    t.equal(checksum, await sha256File(join(directory, url)))
  }
})

t.test("Vagrant takes a version without a build's own part", async t => {
  t.equal(boxVersion({ version: '0.1.0+20260101.0123abcd' }), '0.1.0')
  t.equal(boxVersion({ version: '1.2.3-rc1' }), '1.2.3')
})

t.test('tells which boxes are compared only', t => {
  const names = vagrant.unshown?.({ spec, version, options, usedBytes: 0 }).map(({ name }) => name)
  t.strictSame(names, providers.filter(provider => provider !== 'libvirt').map(provider => `box of ${provider}`))
  t.end()
})
