/** Target parallels: the common contract, its texts word for word, import.sh run with a stand-in, faults of the descriptors. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import parallels from '../../pipeline/targets/parallels.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'
import { exportTarget, options, realDeps, signal, sourceDateEpoch, spec, testOddTitle, testSpoiledFiles, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

await testTarget(parallels)
await testSpoiledFiles(parallels)
await testOddTitle(parallels)

const base = `ciab-${version}`

t.test('writes descriptors, script and page word for word', async t => {
  const directory = t.testdir({})
  await exportTarget(parallels, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  const member = async (name: string) => (await realDeps.run(['bsdtar', '-xOf', join(directory, `${base}.pvm.zip`), `${base}.pvm/${name}`])).stdout
  matchGolden(t, 'parallels/config.pvs', await member('config.pvs'))
  matchGolden(t, 'parallels/DiskDescriptor.xml', await member(`${base}.hdd/DiskDescriptor.xml`))
  for (const name of ['import.sh', 'README.txt']) matchGolden(t, `parallels/${name}`, readFileSync(join(directory, name), 'utf8'))
})

t.test('descriptors that do not fit disk and spec are named', async t => {
  const directory = t.testdir({})
  const small = { ...spec, title: `A "box", <it's> & é`, hardware: { ...spec.hardware, memoryMib: 2048 }, nestedVirt: 'off' } as const
  await exportTarget(parallels, { spec: small, goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  await parallels.verify({ spec: small, version, sourceDateEpoch, options, directory, signal }, realDeps)
  const error = await failureOf(parallels.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps))
  t.strictSame(error.details.map(line => line.replace(/ \(.*/, '')), [
    `parallels/${base}.pvm.zip holds config.pvs, which has Hardware Cpu VirtualizedHV = "0", wanted "1".`,
    `parallels/${base}.pvm.zip holds config.pvs, which has Hardware Memory RAM = "2048", wanted "4096".`,
  ])
})

t.test('import.sh, with a stand-in for prlctl, unpacks, registers and asks for nesting', async t => {
  const directory = t.testdir({})
  await exportTarget(parallels, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  const prlctl = join(directory, 'prlctl')
  const calls = join(directory, 'calls')
  // Not to its output, which the script may hide.
  writeFileSync(prlctl, `#!/bin/sh\n[ "$1" = list ] || echo "$*" >>'${calls}'\n`)
  chmodSync(prlctl, 0o755)
  const run = (...args: string[]) => realDeps.run([join(directory, 'import.sh'), '--folder', join(directory, 'made'), ...args], { env: { PRLCTL: prlctl }, okCodes: [0, 1, 2] })
  await run('--bridged', '--name', 'mine')
  t.equal(readFileSync(calls, 'utf8').replaceAll(directory, '/here'), [
    `register /here/made/${base}.pvm --regenerate-src-uuid`,
    'set mine --efi-boot on',
    'set mine --hypervisor-type parallels',
    'set mine --nested-virt on',
    'set mine --device-set net0 --type bridged --adapter-type virtio',
    'start mine',
    '',
  ].join('\n'))
  t.match(readFileSync(join(directory, `made/${base}.pvm/config.pvs`), 'utf8'), '<VmName>mine</VmName>')
  t.equal((await run()).stderr.replaceAll(directory, '/here'), `import.sh: /here/made/${base}.pvm is there already: choose another folder by --folder.\n`)
  t.equal((await run('--colour')).stderr, 'import.sh: There is no option "--colour". Try: import.sh --help\n')
})

t.test('a zip without its front, or with other bytes before it, is told', async t => {
  const directory = t.testdir({})
  await exportTarget(parallels, { goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  const path = join(directory, `${base}.pvm.zip`)
  const whole = readFileSync(path)
  const told = async (content: Buffer) => {
    writeFileSync(path, content)
    return formatError(await failureOf(parallels.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps))).replaceAll(directory, '/here')
  }
  const named = `parallels/${base}.pvm.zip is refused by unzip: `
  t.match(await told(Buffer.concat([Buffer.from('hello'), whole])), `${named}warning [/here/${base}.pvm.zip]:  5 extra bytes at beginning or within zipfile.`)
  t.match(await told(whole.subarray(2000)), named)
})
