/** Target virtualbox: the common contract, its texts word for word, nesting from the spec, and import.sh run with a stand-in. */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import type { Spec } from '../../pipeline/spec/types.js'
import virtualbox from '../../pipeline/targets/virtualbox.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'
import { powerShellCommands } from '../fixtures/power-shell.js'
import { exportTarget, foundBy, options, realDeps, signal, sourceDateEpoch, spec, testSpoiledFiles, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

await testTarget(virtualbox)
await testSpoiledFiles(virtualbox)

const base = `ciab-${version}`

async function exported(directory: string, of: Spec = spec): Promise<string> {
  await exportTarget(virtualbox, { spec: of, goldenDisk: writeGoldenDisk(t.testdir({})), directory })
  return (await realDeps.run(['bsdtar', '-xOf', join(directory, `${base}.ova`), `${base}.ovf`])).stdout
}

t.test('writes descriptor, scripts and page word for word', async t => {
  const directory = t.testdir({})
  matchGolden(t, 'virtualbox/machine.ovf', `${(await exported(directory)).trimEnd()}\n`)
  for (const name of ['import.sh', 'import.ps1', 'README.txt']) matchGolden(t, `virtualbox/${name}`, readFileSync(join(directory, name), 'utf8'))
})

t.test('a title with special letters and no nesting still gives files that pass', async t => {
  const directory = t.testdir({})
  const odd: Spec = { ...spec, title: `A "box", <it's> -- $(date) & é`, nestedVirt: 'off' }
  t.notMatch(await exported(directory, odd), /vbox:Machine/)
  const passed = await virtualbox.verify({ spec: odd, version, sourceDateEpoch, options, directory, signal }, realDeps)
  t.equal(foundBy(passed, 'machine that it asks for'), 'system type, processors, memory, network card, disk controller, disk file, disk id')
  const error = await failureOf(virtualbox.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps))
  t.match(error.details[0], `virtualbox/${base}.ova holds ${base}.ovf, which has Machine nesting = nothing, wanted "true".`)
})

t.test('a descriptor whose two halves are not the same machine is told', async t => {
  const directory = t.testdir({})
  await exported(directory)
  const path = join(directory, `${base}.ova`)
  const whole = readFileSync(path)
  const told = async (from: string, to: string) => {
    const bytes = Buffer.from(whole)
    t.ok(bytes.includes(from) && from.length === to.length)
    bytes.write(to, bytes.indexOf(from), 'latin1')
    writeFileSync(path, bytes)
    return formatError(await failureOf(virtualbox.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps)))
  }
  const holds = `virtualbox/${base}.ova holds ${base}.ovf, which`
  t.match(await told('<NestedHWVirt enabled="true"', '<NestedHWVirt enabled="fals"'), `${holds} has Machine nesting = "fals", wanted "true".`)
  t.match(await told('<CPU count="2"', '<CPU count="1"'), `${holds} has Machine processors = "1", wanted "2".`)
  t.match(await told('<Image uuid="{', '<Image uuid="['), new RegExp(`${holds.replaceAll(/[.+]/g, '.')} has Machine disk = "\\[`))
  t.match(await told('<rasd:ResourceSubType>AHCI<', '<rasd:ResourceSubType>IDEC<'), `${holds} has disk controller = "IDEC", wanted "AHCI".`)
})

t.test('an OVA without the manifest that was asked for is refused', async t => {
  const directory = t.testdir({})
  const none = { ...options, ovaManifest: 'none' } as const
  await exportTarget(virtualbox, { goldenDisk: writeGoldenDisk(t.testdir({})), directory, options: none })
  const passed = await virtualbox.verify({ spec, version, sourceDateEpoch, options: none, directory, signal }, realDeps)
  t.match(foundBy(passed, 'OVA by the rules of its readers'), /manifest by none$/)
  const error = await failureOf(virtualbox.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps))
  t.match(error.message, `virtualbox/${base}.ova has a manifest by none, wanted sha256.`)
})

/** Runs import.sh with a VBoxManage that writes its arguments down; `known` is the machine that is there already. */
async function runImport(directory: string, args: readonly string[], known = '') {
  const vbox = join(directory, 'vbox')
  writeFileSync(vbox, `#!/bin/sh\nif [ "$1" = showvminfo ]; then [ "$2" = '${known}' ]; exit; fi\necho "$*"\n`)
  chmodSync(vbox, 0o755)
  return await realDeps.run([join(directory, 'import.sh'), ...args], { env: { VBOXMANAGE: vbox }, okCodes: [0, 1, 2, 3] })
}

t.test('import.sh, with a stand-in for VBoxManage, imports, asks for nesting and starts', async t => {
  const directory = t.testdir({})
  await exported(directory)
  const { stdout } = await runImport(directory, ['--bridge', 'eth0', '--cpus', '4'])
  t.strictSame(stdout.replaceAll(directory, '/here').split('\n'), [
    `import /here/${base}.ova --vsys 0 --vmname ${base} --cpus 4 --memory 4096`,
    `modifyvm ${base} --nested-hw-virt on`,
    `modifyvm ${base} --nic1 bridged --bridgeadapter1 eth0 --nicpromisc1 allow-all`,
    `startvm ${base}`,
    '',
  ])
  const bridged = powerShellCommands(readFileSync(join(directory, 'import.ps1'), 'utf8')).find(({ text }) => text.includes('bridged'))
  t.match(bridged?.text, "'--nicpromisc1' allow-all", 'import.ps1 in the same words, which VirtualBox 6.1 knows')
  const nat = await runImport(directory, ['--no-start', '--name', 'mine'])
  for (const [, address] of nat.stdout.matchAll(/--natpf1 \w+,tcp,([^,]*),/g)) t.equal(address, '127.0.0.1')
  t.notMatch(nat.stdout, 'startvm')
})

t.test('import.sh says what is wrong and what to do', async t => {
  const directory = t.testdir({})
  await exported(directory)
  const cases: Record<string, [code: number, message: string]> = {
    '--colour': [2, 'There is no option "--colour". Try: import.sh --help'],
    '--cpus lots': [2, '--cpus takes a number, found "lots".'],
    '--name': [2, '--name needs a value.'],
    '--name taken': [1, 'There is a machine called taken already: choose another name by --name, or start it: VBoxManage startvm taken'],
  }
  for (const [args, [code, message]] of Object.entries(cases)) {
    const { exitCode, stderr } = await runImport(directory, args.split(' '), 'taken')
    t.same({ exitCode, stderr }, { exitCode: code, stderr: `import.sh: ${message}\n` }, args)
  }
  const none = await realDeps.run([join(directory, 'import.sh')], { env: { VBOXMANAGE: 'no-such' }, okCodes: [3] })
  t.equal(none.stderr, 'import.sh: Could not find no-such: install VirtualBox 6.1 or newer, or name it: VBOXMANAGE=/path/to/VBoxManage sh import.sh\n')
})
