/** The start and import scripts of each hypervisor, run against stand-ins that take only documented verbs and options. */
import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { applianceData } from '../../pipeline/targets/target-files.js'
import { assembleScript, powerShellScript, startScript } from '../../pipeline/targets/target-kit.js'
import { powerShellFaults } from '../fixtures/power-shell.js'
import { realDeps, spec, templates, version } from '../fixtures/target-contract.js'

const standIn = fileURLToPath(new URL('../fixtures/play-hypervisor.sh', import.meta.url))
const full = `ciab-${version}`
const boxes = ['virtualbox', 'libvirt'].map(provider => ({ provider, file: `${provider}.box` }))
const names = {
  ova: 'a.ova', bundle: 'a.pvm', archive: 'a.zip', disk: 'a.qcow2', vhdx: 'a.vhdx', vhd: 'a.vhd', xva: 'a.xva', vmxFile: `${full}.vmx`,
  boxName: 'evc/ciab', boxVersion: '0.1.0.20260101000000.7', catalog: 'ciab.json', boxes, hvmName: full, pvName: `${full}-pv`,
}
const data = { ...applianceData({ spec, version }), ...names }

/** As each target puts it together. */
const shellScripts: Readonly<Record<string, readonly string[]>> = {
  virtualbox: startScript('virtualbox', 'import.sh', ['states', 'ports', 'ready']),
  vmware: startScript('vmware', 'start.sh', ['states', 'ready']),
  ova: startScript('ova', 'import.sh', ['states', 'ready']),
  parallels: startScript('parallels', 'import.sh'),
  xen: startScript('xen', 'start.sh'),
  xva: startScript('xva', 'import.sh'),
  vagrant: startScript('vagrant', 'start.sh', ['states', 'ports', 'ready']),
}
const powerShell = { virtualbox: powerShellScript('virtualbox', 'import'), hyperv: powerShellScript('hyperv', 'import'), vmware: powerShellScript('vmware', 'start') }

t.test('every shell script passes shellcheck and dash, every PowerShell script is parsed whole', async t => {
  const looked = [...Object.values(shellScripts), ...Object.values(powerShell)].flat()
  const templatesThatStart = readdirSync(templates, { recursive: true, encoding: 'utf8' }).filter(path => /(import|start)\.(sh|ps1)\.hbs$/.test(path))
  t.same(templatesThatStart.filter(path => !looked.includes(path)), [], 'none is left out')
  for (const [target, parts] of Object.entries(powerShell)) t.same(await powerShellFaults(await assembleScript(parts, data, realDeps.render)), [], target)
  for (const [target, parts] of Object.entries(shellScripts)) {
    const file = join(t.testdir({}), `${target}.sh`)
    writeFileSync(file, await assembleScript(parts, data, realDeps.render))
    await realDeps.run(['dash', '-n', file])
    // Of what all share, each script uses a part.
    t.equal((await realDeps.run(['shellcheck', '-e', 'SC2034', file], { okCodes: [0, 1] })).stdout, '', target)
  }
})

t.test('a PowerShell script that is cut off is found', async t => {
  t.not((await powerShellFaults('if ($true) { Write-Host "a"')).length, 0)
})

const ready = '{"state":"ready","address":"10.0.2.15"}'

/** A folder as it is unpacked, and a machine that has these programs. */
async function machine(test: Pick<typeof t, 'testdir'>, target: string, programs: readonly string[]) {
  const root = test.testdir({ bin: {}, kit: {}, home: {} })
  for (const file of ['a.ova', 'a.zip', 'a.xva', 'a.qcow2', `${full}.vmx`, 'virtualbox.box', 'libvirt.box', 'ciab.json']) writeFileSync(join(root, 'kit', file), '')
  for (const name of programs) symlinkSync(standIn, join(root, 'bin', name))
  const program = (name: string, text: string) => {
    writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(root, 'bin', name), 0o755)
  }
  program('unzip', 'mkdir -p "$4/a.pvm"')
  program('sleep', ':')
  program('curl', `echo '${ready}'`)
  const script = join(root, 'kit', 'script.sh')
  writeFileSync(script, await assembleScript(shellScripts[target] ?? [], data, realDeps.render))
  if (target === 'xen') for (const name of ['hvm.cfg', 'pv.cfg']) writeFileSync(join(root, 'kit', name), await realDeps.render(`xen/${name}.hbs`, data))
  const calls = join(root, 'calls')
  const run = async (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
    writeFileSync(calls, '')
    const answer = await realDeps.run(['sh', script, ...args], {
      env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin`, HOME: join(root, 'home'), CALLS: calls, VMX: join(root, 'kit', `${full}.vmx`), ...env }, okCodes: [0, 1, 2, 3, 4, 64],
    })
    const here = (text: string) => text.replaceAll(root, '/here')
    const lines = here(readFileSync(calls, 'utf8')).split('\n').filter(line => line && !/ (showvminfo|list|info|domid|--version)\b/.test(line))
    return { exitCode: answer.exitCode, stdout: here(answer.stdout), stderr: here(answer.stderr), calls: lines }
  }
  return { root, run, program }
}

const loopback = 'page     http://127.0.0.1:8080/\nconsole  https://127.0.0.1:9090/\nAPI      https://127.0.0.1:8443\nSSH      ssh -p 2222 evc@127.0.0.1\n'
const direct = 'page     http://192.168.42.7/\nconsole  https://192.168.42.7:9090/\nAPI      https://192.168.42.7:8443\nSSH      ssh evc@192.168.42.7\n'
/** Ports of the test's machine may be taken. */
const anyPort = (text: string) => text.replace(/(127\.0\.0\.1:|-p |tcp,127\.0\.0\.1,)(8080|9090|8443|2222|80[89]\d|90[9]\d|84[45]\d|222\d)/g, '$1PORT')

t.test('VirtualBox: imports, asks for nesting, forwards on loopback alone, starts, waits (a stand-in for VBoxManage)', async t => {
  const { run } = await machine(t, 'virtualbox', ['VBoxManage'])
  const { exitCode, calls, stdout, stderr } = await run()
  t.equal(exitCode, 0, stderr)
  t.same(calls.map(anyPort), [
    `VBoxManage import /here/kit/a.ova --vsys 0 --vmname ${full} --cpus 2 --memory ${spec.hardware.memoryMib}`,
    `VBoxManage modifyvm ${full} --nested-hw-virt on`,
    ...['http,tcp,127.0.0.1,PORT,,80', 'console,tcp,127.0.0.1,PORT,,9090', 'api,tcp,127.0.0.1,PORT,,8443', 'ssh,tcp,127.0.0.1,PORT,,22'].map(rule => `VBoxManage modifyvm ${full} --natpf1 ${rule}`),
    `VBoxManage startvm ${full}`,
  ])
  t.equal(anyPort(stdout), anyPort(loopback))
  t.match(stderr, 'script.sh: It is ready.')
})

t.test('VirtualBox: says what a host without nesting means, and refuses a name that is taken (a stand-in for VBoxManage)', async t => {
  const { run } = await machine(t, 'virtualbox', ['VBoxManage'])
  const none = await run([], { NESTING: 'no', RELEASE: '6.0.24r139119' })
  t.equal(none.exitCode, 0)
  t.match(none.stderr, 'script.sh: !! This VirtualBox (6.0) is too old for nesting: 6.1 gives it on Intel processors, 6.0 on AMD. The cloud will run containers, but no virtual machines.\n')
  t.match(none.stderr, 'has no nested virtualisation: the cloud will run containers, but no virtual machines.')
  t.notMatch((await run([])).stderr, 'too old')
  const taken = await run([], { FOUND: 'yes' })
  t.same([taken.exitCode, taken.stderr], [1, `script.sh: There is a machine called ${full} already: choose another name by --name, or start it: VBoxManage startvm ${full}\n`])
})

t.test('Parallels: registers with ids of its own, asks for nesting, starts (a stand-in for prlctl)', async t => {
  const { run, program } = await machine(t, 'parallels', ['prlctl'])
  const { exitCode, calls, stderr } = await run()
  t.equal(exitCode, 0, stderr)
  t.same(calls, [
    'prlctl register /here/home/Parallels/a.pvm --regenerate-src-uuid', `prlctl set ${full} --efi-boot on`,
    `prlctl set ${full} --nested-virt on`, `prlctl start ${full}`,
  ])
  program('uname', 'echo arm64')
  const apple = await run()
  t.same([apple.exitCode, apple.stderr, apple.calls], [3, 'script.sh: This Mac has Apple silicon: Parallels runs ARM guests there, and this image is for Intel processors. Take an Intel Mac or another machine.\n', []])
})

t.test('VMware: starts, learns the address, waits until it is ready; twice is once (a stand-in for vmrun)', async t => {
  const { run } = await machine(t, 'vmware', ['vmrun'])
  const vmx = `/here/kit/${full}.vmx`
  const { exitCode, calls, stdout, stderr } = await run()
  t.equal(exitCode, 0, stderr)
  t.same(calls, [`vmrun -T ws start ${vmx} gui`, `vmrun -T ws getGuestIPAddress ${vmx} -wait`])
  t.equal(stdout, direct)
  t.same((await run(['--no-window', '--wait', '0'])).calls, [`vmrun -T ws start ${vmx} nogui`])
  const again = await run([], { FOUND: 'yes' })
  t.same(again.calls, [`vmrun -T ws getGuestIPAddress ${vmx} -wait`])
  t.match(again.stderr, 'script.sh: It is running already.\n')
  t.same((await run(['--stop'])).calls, [`vmrun -T ws stop ${vmx} soft`])
})

t.test('VMware: says what stands in the way (a stand-in for vmrun)', async t => {
  const { run, program } = await machine(t, 'vmware', ['vmrun'])
  const refused = await run([], { FAIL: 'start' })
  t.equal(refused.exitCode, 4)
  t.match(refused.stderr, 'script.sh: VMware did not start it (see above). Where it says that this host cannot nest: set vhv.enable = "FALSE" in the .vmx file; the cloud will then run containers, but no virtual machines.\n')
  program('uname', 'case $1 in -s) echo Darwin ;; *) echo arm64 ;; esac')
  const apple = await run()
  t.same([apple.exitCode, apple.calls], [3, []])
  t.equal(apple.stderr, 'script.sh: This Mac has Apple silicon: VMware Fusion runs ARM guests there, and this image is for Intel processors. Take an Intel Mac or another machine.\n')
  const { run: bare } = await machine(t, 'vmware', [])
  t.equal((await bare()).stderr, 'script.sh: Could not find vmrun: it comes with VMware Workstation and Fusion. Install one of them, or open the .vmx file in Player.\n')
})

t.test('an appliance whose set-up fails is told by its own word (a stand-in for vmrun)', async t => {
  const { run, program } = await machine(t, 'vmware', ['vmrun'])
  program('curl', `echo '{"state":"failed","step":"network","reason":"there is no network card"}'`)
  const { exitCode, stderr } = await run()
  t.equal(exitCode, 4)
  t.match(stderr, 'script.sh: Step network failed: there is no network card\nscript.sh: The set-up failed; it is tried again at the next start. Its screen has more.\n')
  program('curl', 'exit 7')
  t.match((await run(['--wait', '9'])).stderr, 'script.sh: The appliance is not ready after 9 s. It goes on by itself; its screen and http://192.168.42.7/ tell how far it is.\n')
})

t.test('vSphere: imports by govc, asks for nesting, starts, waits; by ovftool with a host (stand-ins for both)', async t => {
  const { run } = await machine(t, 'ova', ['govc', 'ovftool'])
  const { exitCode, calls, stdout, stderr } = await run(['--network', 'VM Network'], { GOVC_URL: 'user@host' })
  t.equal(exitCode, 0, stderr)
  t.same(calls, [
    `govc import.ova -name=${full} -net=VM Network /here/kit/a.ova`, `govc vm.change -vm ${full} -nested-hv-enabled=true`,
    `govc vm.power -on ${full}`, `govc vm.ip -wait ${spec.timeouts.readySeconds}s ${full}`,
  ])
  t.equal(stdout, direct)
  t.match((await run([], { GOVC_URL: 'user@host', NESTING: 'no' })).stderr, 'script.sh: !! This host gives no nested virtualisation: the cloud will run containers, but no virtual machines.\n')
  const byTool = await run(['--host', 'root@esx', '--datastore', 'ssd'])
  t.same(byTool.calls, [`ovftool --acceptAllEulas --name=${full} --datastore=ssd --powerOn /here/kit/a.ova vi://root@esx`])
  t.same((await run()).stderr, 'script.sh: GOVC_URL is not set, so govc does not know where to import. Set it: GOVC_URL=user@host sh import.sh, or name a host: --host user@host\n')
})

t.test('XCP-ng: imports, asks for nesting by both names, changes the network when asked, starts (a stand-in for xe)', async t => {
  const { run } = await machine(t, 'xva', ['xe'])
  const { exitCode, calls, stderr } = await run()
  t.equal(exitCode, 0, stderr)
  t.same(calls, [
    'xe vm-import filename=/here/kit/a.xva', 'xe vm-param-set uuid=1111-2222 platform:nested-virt=true',
    'xe vm-param-set uuid=1111-2222 platform:exp-nested-hvm=true', 'xe vm-start uuid=1111-2222',
  ])
  const moved = await run(['--network', '9999', '--sr', '7777', '--name', 'box', '--no-start'])
  t.same(moved.calls.filter(call => !call.includes('platform')), [
    'xe vm-import filename=/here/kit/a.xva sr-uuid=7777', 'xe vm-param-set uuid=1111-2222 name-label=box',
    'xe vif-list vm-uuid=1111-2222 params=uuid --minimal', 'xe vif-destroy uuid=3333', 'xe vif-destroy uuid=4444',
    'xe vif-create vm-uuid=1111-2222 network-uuid=9999 device=0 mac=random',
  ].filter(call => !/ list\b/.test(call)))
})

/** The configuration, and the disk by its whole path: pygrub's is attached by a service in another folder. */
function startOf(root: string, kind: 'hvm' | 'pv'): string {
  const [disk = ''] = /^disk = .*$/m.exec(readFileSync(join(root, 'kit', `${kind}.cfg`), 'utf8')) ?? []
  return `/here/kit/${kind}.cfg ${disk.replace('target=', 'target=/here/kit/')}`
}

/** A bridge is looked for below /sys, which a test cannot make: loopback of a namespace that has one. */
t.test('Xen: starts what the host can run, and says so; its console is shown (a stand-in for xl)', async t => {
  const { root, run } = await machine(t, 'xen', ['xl'])
  const script = join(root, 'kit', 'script.sh')
  writeFileSync(script, readFileSync(script, 'utf8').replaceAll('/sys/class/net', join(root, 'net')))
  const refused = await run()
  t.same([refused.exitCode, refused.stderr], [3, 'script.sh: There is no bridge "xenbr0" on this machine. Name yours: --bridge br0\n'])
  for (const bridge of ['xenbr0', 'br0']) mkdirSync(join(root, 'net', bridge, 'bridge'), { recursive: true })
  const hvm = await run()
  t.equal(hvm.exitCode, 0, hvm.stderr)
  t.same(hvm.calls, [`xl create ${startOf(root, 'hvm')} vif=['bridge=xenbr0']`, `xl console ${full}`])
  t.match(hvm.stderr, 'script.sh: Nested virtualisation is experimental in Xen.\n')
  t.same((await run(['--stop'])).calls, [`xl shutdown -w ${full}`])
  t.match((await run()).stderr, `script.sh: It is running already: xl console ${full}\n`)
})

t.test('Xen: without VT-x or hap it starts paravirtualised and says what that means (a stand-in for xl)', async t => {
  const cases = {
    'This processor has no VT-x or AMD-V': { XEN_CAPS: '', VIRT_CAPS: 'pv' },
    'Xen has no hardware-assisted paging (hap) here': { VIRT_CAPS: 'pv hvm shadow' },
  }
  for (const [word, env] of Object.entries(cases)) {
    const { root, run } = await machine(t, 'xen', ['xl'])
    const script = join(root, 'kit', 'script.sh')
    writeFileSync(script, readFileSync(script, 'utf8').replaceAll('/sys/class/net', join(root, 'net')))
    mkdirSync(join(root, 'net/br0/bridge'), { recursive: true })
    const { exitCode, calls, stderr } = await run(['--bridge', 'br0', '--no-console'], env)
    t.equal(exitCode, 0, stderr)
    t.same(calls, [`xl create ${startOf(root, 'pv')} vif=['bridge=br0']`], word)
    t.match(stderr, word)
    t.match(stderr, 'The cloud will run containers, but no virtual machines.\n')
    t.match((await run(['--bridge', 'br0'], { ...env, FREE: '100', CALLS: join(root, 'other') })).stderr, 'Xen has 100 MiB free')
  }
})

t.test('Vagrant: adds the box of the provider that is here, forwards on loopback alone, brings it up (a stand-in for vagrant)', async t => {
  const { root, run } = await machine(t, 'vagrant', ['vagrant', 'VBoxManage'])
  const { exitCode, calls, stdout, stderr } = await run()
  t.equal(exitCode, 0, stderr)
  t.same(calls, ['vagrant box add --provider virtualbox ciab.json', 'vagrant up --provider virtualbox'])
  const file = readFileSync(join(root, 'kit/machine/Vagrantfile'), 'utf8')
  t.equal(file.match(/host_ip: "127\.0\.0\.1"/g)?.length, 3)
  t.notMatch(file.replace(/host_ip: "127\.0\.0\.1"/g, ''), 'host_ip')
  t.match(anyPort(stdout), /^page     http:\/\/127\.0\.0\.1:PORT\/\n[^]*\nSSH      cd '\/here\/kit\/machine' && vagrant ssh\n$/)
  t.same((await run(['--stop'])).calls, ['vagrant halt'])
  t.equal((await run(['--provider', 'docker'])).stderr, 'script.sh: There is no box for the provider "docker".\n')
})

t.test('Vagrant: of all boxes of the name only this version is the one, by whatever Vagrant lists it (a stand-in for vagrant)', async t => {
  const { root, run } = await machine(t, 'vagrant', ['vagrant', 'VBoxManage'])
  const own = names.boxVersion
  const up = ['vagrant up --provider virtualbox']
  for (const box of [own, `${own}, (amd64)`]) t.same((await run([], { FOUND: 'yes', BOX: box })).calls, up, box)
  for (const box of ['0', '0.1.0.20251231000000.7', `${own}1`, own.replace('.7', '.17'), `${own}, (arm64)`, own.replaceAll('.', '0')])
    t.same((await run([], { FOUND: 'yes', BOX: box })).calls, ['vagrant box add --provider virtualbox ciab.json', ...up], box)
  t.match(readFileSync(join(root, 'kit/machine/Vagrantfile'), 'utf8'), `\n  config.vm.box = "evc/ciab"\n  config.vm.box_version = "= ${own}"\n`)
})

t.test('Vagrant: the machine of another version is not started in its place (a stand-in for vagrant)', async t => {
  const { root, run } = await machine(t, 'vagrant', ['vagrant', 'VBoxManage'])
  await run()
  const path = join(root, 'kit/machine/Vagrantfile')
  for (const [from, to] of [[names.boxVersion, '0.1.0.20251231000000.7'], [/^.*box_version.*\n/m, '']] as const) {
    writeFileSync(path, readFileSync(path, 'utf8').replace(from, to))
    const { exitCode, stderr, calls } = await run()
    t.same([exitCode, calls], [4, []])
    t.equal(stderr, `script.sh: The Vagrantfile in /here/kit/machine is not for version ${version}: choose another folder by --folder, or give up that machine: cd '/here/kit/machine' && vagrant destroy && rm Vagrantfile\n`)
  }
  t.same((await run(['--stop'])).calls, ['vagrant halt'], 'it can be stopped')
})

t.test('Vagrant: says that a box was not taken, and that the catalog is missing (a stand-in for vagrant)', async t => {
  const { root, run } = await machine(t, 'vagrant', ['vagrant', 'VBoxManage'])
  const refused = await run([], { FAIL: 'add' })
  t.same([refused.exitCode, refused.stderr.split('\n').slice(-2)], [4, ['script.sh: Vagrant did not take the box (see above).', '']])
  unlinkSync(join(root, 'kit/ciab.json'))
  const alone = await run()
  t.same([alone.exitCode, alone.stderr], [3, 'script.sh: Could not find /here/kit/ciab.json: start.sh, ciab.json and the boxes belong in one folder.\n'])
})

t.test('an option that no script knows is refused with the way to help', async t => {
  for (const target of Object.keys(shellScripts)) {
    const { run } = await machine(t, target, [])
    const { exitCode, stderr } = await run(['--colour'])
    t.same([exitCode, stderr.replace(/Try: \w+\.sh/, 'Try: X.sh')], [2, 'script.sh: There is no option "--colour". Try: X.sh --help\n'], target)
    t.match((await run(['--help'])).stdout, 'Usage: ', target)
  }
})

t.test('each page of instructions says what it was not run on', async t => {
  const shown: Readonly<Record<string, string>> = {
    vmware: 'VMware', ova: 'ESXi', virtualbox: 'VirtualBox', hyperv: 'Hyper-V', parallels: 'Parallels Desktop', xva: 'XCP-ng', vagrant: 'Vagrant provider',
  }
  for (const [target, hypervisor] of Object.entries(shown)) {
    const text = readFileSync(join(templates, target, 'README.txt.hbs'), 'utf8').replace(/\s+/g, ' ')
    t.match(text, `not run on a real ${hypervisor}`, target)
  }
})
