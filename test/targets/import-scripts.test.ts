/** The import scripts of other hypervisors, run against stand-ins that take only documented verbs and options. */
import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { applianceData } from '../../pipeline/targets/target-files.js'
import { powerShellFaults } from '../fixtures/power-shell.js'
import { realDeps, spec, templates, version } from '../fixtures/target-contract.js'

const standIn = fileURLToPath(new URL('../fixtures/play-hypervisor.sh', import.meta.url))
const names = { ova: 'a.ova', bundle: 'a.pvm', archive: 'a.zip', disk: 'a.vhdx', vhdx: 'a.vhdx', vhd: 'a.vhd' }
const data = { ...applianceData({ spec, version }), ...names }
const scripts = readdirSync(templates, { recursive: true, encoding: 'utf8' }).filter(path => /(import|start)\.(sh|ps1)\.hbs$/.test(path)).sort()

t.test('every shell script passes shellcheck and dash, every PowerShell script is parsed whole', async t => {
  t.ok(scripts.length >= 4, scripts.join())
  for (const path of scripts) {
    const text = await realDeps.render(path, data)
    if (path.endsWith('.ps1.hbs')) {
      t.same(await powerShellFaults(text), [], path)
      continue
    }
    const file = join(t.testdir({}), 'import.sh')
    writeFileSync(file, text)
    await realDeps.run(['dash', '-n', file])
    t.equal((await realDeps.run(['shellcheck', file], { okCodes: [0, 1] })).stdout, '', path)
  }
})

t.test('a PowerShell script that is cut off is found', async t => {
  t.not((await powerShellFaults('if ($true) { Write-Host "a"')).length, 0)
})

async function importer(test: Pick<typeof t, 'testdir'>, template: string) {
  const root = test.testdir({ bin: {}, kit: { 'a.ova': '', 'a.zip': '' } })
  for (const name of ['VBoxManage', 'prlctl']) symlinkSync(standIn, join(root, 'bin', name))
  writeFileSync(join(root, 'bin', 'unzip'), '#!/bin/sh\nmkdir -p "$4/a.pvm"\n')
  chmodSync(join(root, 'bin', 'unzip'), 0o755)
  writeFileSync(join(root, 'kit', 'import.sh'), await realDeps.render(template, data))
  mkdirSync(join(root, 'home'))
  const calls = join(root, 'calls')
  writeFileSync(calls, '')
  const run = async (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
    const answer = await realDeps.run(['sh', join(root, 'kit', 'import.sh'), ...args], {
      env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin`, HOME: join(root, 'home'), CALLS: calls, ...env }, okCodes: [0, 1, 2, 3, 64],
    })
    return { ...answer, calls: readFileSync(calls, 'utf8').replaceAll(root, '/here').split('\n').filter(Boolean) }
  }
  return { run }
}

const full = `ciab-${version}`

t.test('VirtualBox: imports, asks for nesting, forwards on loopback alone, starts (a stand-in for VBoxManage)', async t => {
  const { run } = await importer(t, 'virtualbox/import.sh.hbs')
  const { exitCode, calls, stderr } = await run([])
  t.equal(exitCode, 0, stderr)
  t.same(calls.filter(call => !call.includes('showvminfo')), [
    `VBoxManage import /here/kit/a.ova --vsys 0 --vmname ${full} --cpus 2 --memory ${spec.hardware.memoryMib}`,
    `VBoxManage modifyvm ${full} --nested-hw-virt on`,
    `VBoxManage modifyvm ${full} --natpf1 web,tcp,127.0.0.1,8080,,80 --natpf1 api,tcp,127.0.0.1,8443,,8443 --natpf1 console,tcp,127.0.0.1,9090,,9090 --natpf1 ssh,tcp,127.0.0.1,2222,,22`,
    `VBoxManage startvm ${full}`,
  ])
  t.match(stderr, 'web page http://127.0.0.1:8080')
})

t.test('VirtualBox: says what a host without nesting means, and refuses a name that is taken (a stand-in for VBoxManage)', async t => {
  const { run } = await importer(t, 'virtualbox/import.sh.hbs')
  const none = await run([], { NESTING: 'no' })
  t.equal(none.exitCode, 0)
  t.match(none.stderr, 'has no nested virtualisation: the cloud will run containers, but no virtual machines.')
  const taken = await run([], { FOUND: 'yes' })
  t.same([taken.exitCode, taken.stderr], [1, `import.sh: There is a machine called ${full} already: choose another name by --name.\n`])
})

t.test('Parallels: registers with ids of its own, asks for nesting, starts (a stand-in for prlctl)', async t => {
  const { run } = await importer(t, 'parallels/import.sh.hbs')
  const { exitCode, calls, stderr } = await run([])
  t.equal(exitCode, 0, stderr)
  t.same(calls, [
    'prlctl register /here/home/Parallels/a.pvm --regenerate-src-uuid', `prlctl set ${full} --efi-boot on`,
    `prlctl set ${full} --nested-virt on`, `prlctl start ${full}`,
  ])
})
