/** The start and import scripts of each hypervisor, run against stand-ins that take only documented verbs and options. */
import { chmodSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { applianceData } from '../../pipeline/targets/target-files.js'
import { assembleScript, powerShellScript, startScript } from '../../pipeline/targets/target-kit.js'
import { powerShellFaults } from '../fixtures/power-shell.js'
import { realDeps, spec, templates, version } from '../fixtures/target-contract.js'

const standIn = fileURLToPath(new URL('../fixtures/play-hypervisor.sh', import.meta.url))
const full = `ciab-${version}`
const boxes = ['virtualbox', 'libvirt', 'vmware_desktop'].map(provider => ({ provider, file: `${provider}.box` }))
const names = {
  ova: 'a.ova', bundle: 'a.pvm', archive: 'a.zip', disk: 'a.qcow2', vhdx: 'a.vhdx', vhd: 'a.vhd', xva: 'a.xva', vmxFile: `${full}.vmx`,
  boxName: 'evc/ciab', boxVersion: '0.1.0.20260101000000.7', catalog: 'ciab.json', boxes, memoryMib: 4096, hvmName: full, pvName: `${full}-pv`,
}
const data = { ...applianceData({ spec, version }), ...names }

/** As each target puts it together. */
const shellScripts: Readonly<Record<string, readonly string[]>> = {
  virtualbox: startScript('virtualbox', 'import.sh', ['states', 'ports', 'ready', 'undo']),
  vmware: startScript('vmware', 'start.sh', ['states', 'ready']),
  ova: startScript('ova', 'import.sh', ['states', 'ready']),
  parallels: startScript('parallels', 'import.sh', ['undo']),
  xen: startScript('xen', 'start.sh'),
  xva: startScript('xva', 'import.sh', ['undo']),
  vagrant: startScript('vagrant', 'start.sh', ['states', 'ports', 'ready']),
}
const powerShell = { virtualbox: powerShellScript('virtualbox', 'import'), hyperv: powerShellScript('hyperv', 'import'), vmware: powerShellScript('vmware', 'start') }

t.test('every shell script passes shellcheck and dash, every PowerShell script is parsed whole', async t => {
  const looked = [...Object.values(shellScripts), ...Object.values(powerShell)].flat()
  const templatesThatStart = readdirSync(templates, { recursive: true, encoding: 'utf8' }).filter(path => /(import|start)\.(sh|ps1)\.hbs$/.test(path))
  t.same(templatesThatStart.filter(path => !looked.includes(path)), [], 'none is left out')
  for (const [target, parts] of Object.entries(powerShell)) t.same(powerShellFaults(await assembleScript(parts, data, realDeps.render)), [], target)
  for (const [target, parts] of Object.entries(shellScripts)) {
    const file = join(t.testdir({}), `${target}.sh`)
    writeFileSync(file, await assembleScript(parts, data, realDeps.render))
    await realDeps.run(['dash', '-n', file])
    // Of what all share, each script uses a part.
    t.equal((await realDeps.run(['shellcheck', '-e', 'SC2034', file], { okCodes: [0, 1] })).stdout, '', target)
  }
})

t.test('a PowerShell script that is cut off is found', async t => {
  t.not(powerShellFaults('if ($true) { Write-Host "a"').length, 0)
})

const ready = '{"state":"ready","address":"10.0.2.15"}'

/** Moved on by what takes time, so that no test waits for it. */
const clockStartSeconds = 1000

/**
 * A folder as it is unpacked, and a machine that has these programs. Its sed knows what POSIX says and no more, as a
 * Mac's; its clock runs by `sleep`.
 */
async function machine(test: Pick<typeof t, 'testdir'>, target: string, programs: readonly string[]) {
  const root = test.testdir({ bin: {}, kit: {}, home: {} })
  for (const file of ['a.ova', 'a.zip', 'a.xva', 'a.qcow2', `${full}.vmx`, 'virtualbox.box', 'libvirt.box', 'vmware_desktop.box', 'ciab.json']) writeFileSync(join(root, 'kit', file), '')
  for (const name of programs) symlinkSync(standIn, join(root, 'bin', name))
  const program = (name: string, text: string) => {
    // It may be a link to the stand-in of all.
    rmSync(join(root, 'bin', name), { force: true })
    writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${text}\n`)
    chmodSync(join(root, 'bin', name), 0o755)
  }
  const clock = join(root, 'clock')
  program('unzip', `mkdir -p "$4/a.pvm" && echo '<VmName>${full}</VmName>' >"$4/a.pvm/config.pvs"`)
  program('date', `[ "$*" = +%s ] && cat '${clock}'`)
  program('sleep', `echo $(($(cat '${clock}') + $1)) >'${clock}.new' && mv '${clock}.new' '${clock}' && exec /bin/sleep 0.02`)
  program('sed', 'POSIXLY_CORRECT=1 exec /bin/sed --posix "$@"')
  program('curl', `echo '${ready}'`)
  const script = join(root, 'kit', 'script.sh')
  writeFileSync(script, await assembleScript(shellScripts[target] ?? [], data, realDeps.render))
  if (target === 'xen') for (const name of ['hvm.cfg', 'pv.cfg']) writeFileSync(join(root, 'kit', name), await realDeps.render(`xen/${name}.hbs`, data))
  const calls = join(root, 'calls')
  /** On the machine as the last start has left it. */
  const again = async (args: readonly string[] = [], env: Readonly<Record<string, string>> = {}) => {
    writeFileSync(calls, '')
    writeFileSync(clock, `${clockStartSeconds}`)
    const answer = await realDeps.run(['env', ...(env['SHELL_WORDS'] ?? 'sh').split(' '), script, ...args], {
      env: { PATH: `${join(root, 'bin')}:/usr/bin:/bin`, HOME: join(root, 'home'), CALLS: calls, VMX: join(root, 'kit', `${full}.vmx`), ...env }, okCodes: [0, 1, 2, 3, 4, 64],
    })
    const here = (text: string) => text.replaceAll(root, '/here')
    const lines = here(readFileSync(calls, 'utf8')).split('\n').filter(line => line && !/ (showvminfo|(vm[.-])?(list|info)|domid|--version)\b/.test(line))
    const seconds = Number(readFileSync(clock, 'utf8')) - clockStartSeconds
    return { exitCode: answer.exitCode, stdout: here(answer.stdout), stderr: here(answer.stderr), calls: lines, seconds }
  }
  const run: typeof again = async (...words) => {
    rmSync(`${calls}.machines`, { force: true })
    return await again(...words)
  }
  return { root, run, again, program }
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
  const { run, program } = await machine(t, 'virtualbox', ['VBoxManage'])
  const none = await run([], { NESTING: 'no', RELEASE: '6.0.24r139119' })
  t.equal(none.exitCode, 0)
  t.match(none.stderr, 'script.sh: !! This VirtualBox (6.0) is too old for nesting: 6.1 gives it on Intel processors, 6.0 on AMD. The cloud will run containers, but no virtual machines.\n')
  t.match(none.stderr, 'has no nested virtualisation: the cloud will run containers, but no virtual machines.')
  t.notMatch((await run([])).stderr, 'too old')
  program('uname', 'case $1 in -s) echo Darwin ;; *) echo x86_64 ;; esac')
  const mac = "script.sh: !! VirtualBox 7.0 runs on Apple's framework on a Mac, which cannot nest (6.1 can): the cloud will run containers, but no virtual machines.\n"
  t.match((await run([])).stderr, mac)
  t.notMatch((await run([], { RELEASE: '6.1.50r161033' })).stderr, 'cannot nest')
  const taken = await run([], { FOUND: 'yes' })
  t.same([taken.exitCode, taken.stderr], [1, `script.sh: There is a machine called ${full} already: choose another name by --name, or start it: VBoxManage startvm ${full}\n`])
})

t.test('Parallels: registers with ids of its own, asks for nesting, starts (a stand-in for prlctl)', async t => {
  const { root, run, program } = await machine(t, 'parallels', ['prlctl'])
  const { exitCode, calls, stderr } = await run()
  t.equal(exitCode, 0, stderr)
  t.same(calls, [
    'prlctl register /here/home/Parallels/a.pvm --regenerate-src-uuid', `prlctl set ${full} --efi-boot on`,
    `prlctl set ${full} --hypervisor-type parallels`, `prlctl set ${full} --nested-virt on`, `prlctl start ${full}`,
  ])
  const old = await machine(t, 'parallels', ['prlctl'])
  const { exitCode: code, calls: made, stderr: told } = await old.run([], { APPLE: 'no' })
  t.same([code, made.slice(-2)], [0, [`prlctl set ${full} --nested-virt on`, `prlctl start ${full}`]], 'a version without that option goes on')
  t.notMatch(told, /works|!!/, 'and nothing is said of it')
  const managed = await machine(t, 'parallels', ['prlctl'])
  const blocked = await managed.run([], { BLOCKED: 'yes' })
  t.same([blocked.exitCode, blocked.calls.slice(-4)], [
    0, [`prlctl start ${full}`, `prlctl set ${full} --nested-virt off`, `prlctl set ${full} --hypervisor-type apple`, `prlctl start ${full}`],
  ])
  t.match(blocked.stderr, "!! Parallels started it with Apple's hypervisor only (see above): the cloud will run containers, but no virtual machines.")
  t.same(readdirSync(join(root, 'home/Parallels')), ['a.pvm'], 'nothing lies beside it')
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
  t.equal((await run(['--no-window'])).stdout, direct, 'without a window, too')
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
  const { exitCode, calls, stdout, stderr } = await run([], { GOVC_URL: 'user@host' })
  t.equal(exitCode, 0, stderr)
  t.same(calls, [
    `govc import.ova -name=${full} /here/kit/a.ova`, `govc vm.change -vm ${full} -nested-hv-enabled=true`,
    `govc vm.power -on ${full}`, `govc vm.ip -wait ${spec.timeouts.readySeconds}s ${full}`,
  ])
  t.equal(stdout, direct)
  t.match((await run([], { GOVC_URL: 'user@host', NESTING: 'no' })).stderr, 'script.sh: !! This host gives no nested virtualisation: the cloud will run containers, but no virtual machines.\n')
  const byTool = await run(['--host', 'root@esx', '--datastore', 'ssd'])
  t.same(byTool.calls, [`ovftool --acceptAllEulas --name=${full} --datastore=ssd --powerOn /here/kit/a.ova vi://root@esx`])
  t.same((await run()).stderr, 'script.sh: GOVC_URL is not set, so govc does not know where to import. Set it: GOVC_URL=user@host sh import.sh, or name a host: --host user@host\n')
})

t.test('vSphere: a network is named in a way that every govc knows (a stand-in for govc)', async t => {
  const { run } = await machine(t, 'ova', ['govc'])
  const network = 'Lab "2" \\ é & co'
  const { exitCode, calls, stderr } = await run(['--network', network, '--datastore', 'ssd', '--no-start'], { GOVC_URL: 'user@host' })
  t.equal(exitCode, 0, stderr)
  t.equal(calls[0], `govc import.ova -name=${full} -ds=ssd -options=/dev/stdin /here/kit/a.ova`)
  const [, name] = /<Network ovf:name="([^"]+)">/.exec(readFileSync(join(templates, 'ova/machine.ovf.hbs'), 'utf8')) ?? []
  t.same(JSON.parse(calls[1] ?? ''), { NetworkMapping: [{ Name: name, Network: network }] })
})

t.test('vSphere: a machine that does not start, or is there already, is told with the way on (a stand-in for govc)', async t => {
  const { run } = await machine(t, 'ova', ['govc'])
  const refused = await run([], { GOVC_URL: 'user@host', FAIL: 'vm.power' })
  t.equal(refused.exitCode, 4)
  t.match(refused.stderr, `script.sh: ${full} is imported but did not start (see above). When that is mended: govc vm.power -on ${full}; or to take it away: govc vm.destroy ${full}\n`)
  const taken = await run([], { GOVC_URL: 'user@host', FOUND: 'yes' })
  t.same([taken.exitCode, taken.calls, taken.stderr], [1, [], `script.sh: There is a machine called ${full} already: choose another name by --name, or start it: govc vm.power -on ${full}\n`])
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

/** Each import that makes a machine: what begins it, the steps behind that, and what is left of the first on the second try. */
const imports = {
  virtualbox: { program: 'VBoxManage', steps: ['import', 'modifyvm', 'startvm'], mended: /^VBoxManage import [^]*\nVBoxManage startvm/ },
  parallels: { program: 'prlctl', steps: ['register', 'set', 'start'], mended: /^prlctl register [^]*\nprlctl start/ },
  xva: { program: 'xe', steps: ['vm-param-set', 'vif-create'], mended: /^xe vm-import [^]*\nxe vm-start/ },
}

for (const [target, { program, steps, mended }] of Object.entries(imports)) {
  t.test(`${target}: what fails in the middle is taken back, and the same command runs again (a stand-in for ${program})`, async t => {
    for (const BREAK of steps) {
      const { root, run, again } = await machine(t, target, [program])
      const args = target === 'xva' ? ['--network', '9999'] : []
      const broken = await run(args, { BREAK })
      t.equal(broken.exitCode, 4, BREAK)
      t.match(broken.stderr, /: it does not work\nscript\.sh: .*\(see above\).*\n[^]*Took the machine .*back: the same command may be run again\.\n$/, BREAK)
      t.equal(readFileSync(join(root, 'calls.machines'), 'utf8'), '', 'no machine is left')
      if (target === 'parallels') t.same(readdirSync(join(root, 'home/Parallels')), [], 'and no bundle')
      const second = await again(args)
      t.equal(second.exitCode, 0, second.stderr)
      t.match(second.calls.join('\n'), mended, BREAK)
    }
  })
}

t.test('Parallels: an archive that is cut off leaves nothing, nor does an earlier one that was killed (a stand-in for prlctl)', async t => {
  const { root, run, again, program } = await machine(t, 'parallels', ['prlctl'])
  const unzip = readFileSync(join(root, 'bin/unzip'), 'utf8').replace('#!/bin/sh\n', '')
  program('unzip', 'mkdir -p "$4/a.pvm"; exit 3')
  const { exitCode, calls } = await run()
  t.same([exitCode, calls, readdirSync(join(root, 'home/Parallels'))], [4, [], []])
  mkdirSync(join(root, 'home/Parallels/.a.pvm.new/a.pvm'), { recursive: true })
  program('unzip', unzip)
  const mended = await again()
  t.equal(mended.exitCode, 0, mended.stderr)
  t.same(readdirSync(join(root, 'home/Parallels')), ['a.pvm'])
})

t.test('a machine that cannot be taken back is told with the way to do it by hand (stand-ins)', async t => {
  const { run } = await machine(t, 'virtualbox', ['VBoxManage'])
  const { exitCode, stderr } = await run([], { BREAK: 'startvm', FAIL: 'unregistervm' })
  t.equal(exitCode, 4)
  t.match(stderr, `script.sh: !! Could not take the machine ${full} back: VBoxManage unregistervm ${full} --delete\n`)
  const mac = await machine(t, 'parallels', ['prlctl'])
  t.match((await mac.run([], { BREAK: 'start', FAIL: 'unregister' })).stderr, `!! Could not take the machine ${full} back: prlctl unregister ${full}, then remove /here/home/Parallels/a.pvm.\n`)
  t.same(readdirSync(join(mac.root, 'home/Parallels')), ['a.pvm'], 'the files of a machine that is still registered stay')
  const silent = await machine(t, 'parallels', ['prlctl'])
  silent.program('prlctl', `[ "$1" = register ] || [ ! -e '${silent.root}/registered' ] || exit 1\n[ "$1" != register ] || { : >'${silent.root}/registered'; exit 1; }`)
  t.match((await silent.run()).stderr, `!! Could not take the machine ${full} back: prlctl unregister ${full}, then remove /here/home/Parallels/a.pvm.\n`)
  t.same(readdirSync(join(silent.root, 'home/Parallels')), ['a.pvm'], 'nor are those of one of which Parallels does not tell')
  t.match(await silent.again(), { exitCode: 4, stderr: /: Parallels does not list its machines \(see above\): / })
  const pool = await machine(t, 'xva', ['xe'])
  t.match((await pool.run([], { BREAK: 'vm-param-set', FAIL: 'vm-uninstall' })).stderr, '!! Could not take the machine back: xe vm-uninstall uuid=1111-2222\n')
})

t.test('Parallels: a second copy bears its own name before it is registered (a stand-in for prlctl)', async t => {
  const { root, run, again } = await machine(t, 'parallels', ['prlctl'])
  await run()
  const taken = await again()
  t.same([taken.exitCode, taken.calls, taken.stderr], [1, [], `script.sh: There is a machine called ${full} already: choose another name by --name, or start it: prlctl start ${full}\n`])
  const name = 'a <b> & "c" | \\1'
  const second = await again(['--name', name, '--folder', join(root, 'home/other')])
  t.equal(second.exitCode, 0, second.stderr)
  t.same(second.calls, [
    'prlctl register /here/home/other/a.pvm --regenerate-src-uuid', `prlctl set ${name} --efi-boot on`, `prlctl set ${name} --hypervisor-type parallels`,
    `prlctl set ${name} --nested-virt on`, `prlctl start ${name}`,
  ])
  t.equal(readFileSync(join(root, 'home/other/a.pvm/config.pvs'), 'utf8'), '<VmName>a &lt;b&gt; &amp; "c" | \\1</VmName>\n')
})

t.test('XCP-ng: a machine that does not start, or is there already, is told with the way on (a stand-in for xe)', async t => {
  const { root, run } = await machine(t, 'xva', ['xe'])
  const refused = await run([], { FAIL: 'vm-start' })
  t.equal(refused.exitCode, 4)
  t.match(refused.stderr, 'script.sh: It is made but did not start (see above). When that is mended: xe vm-start uuid=1111-2222; or to take it away: xe vm-uninstall uuid=1111-2222\n')
  t.equal(readFileSync(join(root, 'calls.machines'), 'utf8'), '1111-2222\n')
  const taken = await run([], { FOUND: 'yes' })
  t.same([taken.exitCode, taken.calls, taken.stderr], [1, [], `script.sh: There is a machine called ${full} already: choose another name by --name, or start it: xe vm-start vm=${full}\n`])
})

/** A page that answers nobody; the request takes all that it may. */
const silent = (root: string) => `while [ "$1" != --max-time ]; do shift; done; sleep "$2"; exit 28; : ${root}`

t.test('--wait is a limit: a page that never answers counts with the time its requests take (a stand-in for vmrun)', async t => {
  const { root, run, program } = await machine(t, 'vmware', ['vmrun'])
  program('curl', silent(root))
  const { exitCode, seconds, stderr } = await run(['--wait', '20'])
  t.equal(exitCode, 4)
  t.match(stderr, 'script.sh: The appliance is not ready after 20 s.')
  t.ok(seconds >= 20 && seconds <= 21, `waited ${seconds} s`)
})

for (const shell of ['dash', 'bash --posix', 'busybox sh']) {
  t.test(`VMware: a vmrun that never ends is ended at the limit, under ${shell} (a stand-in for vmrun)`, async t => {
    const { root, run } = await machine(t, 'vmware', ['vmrun'])
    const started = Date.now()
    const { exitCode, stderr, seconds } = await run(['--wait', '5'], { HANGS: 'yes', SHELL_WORDS: shell })
    t.equal(exitCode, 4)
    t.match(stderr, 'script.sh: VMware does not tell its address within 5 s; its screen does.\n')
    // The shell of busybox has a clock of its own.
    if (shell === 'busybox sh') t.ok(Date.now() - started >= 4000 && Date.now() - started < 120_000)
    else t.ok(seconds >= 5 && seconds <= 7, `waited ${seconds} s`)
    const pid = readFileSync(join(root, 'calls.hangs'), 'utf8').trim()
    t.notOk(existsSync(`/proc/${pid}`), 'and does not go on behind it')
  })
}

t.test('VMware: an address that is not there yet is asked for again (a stand-in for vmrun)', async t => {
  const { run } = await machine(t, 'vmware', ['vmrun'])
  const { exitCode, calls, stdout, stderr } = await run([], { LATE: '2' })
  t.equal(exitCode, 0, stderr)
  t.equal(calls.filter(call => call.includes('getGuestIPAddress')).length, 3)
  t.equal(stdout, direct)
})

t.test('one limit is for address and page together (a stand-in for govc)', async t => {
  const { root, run, program } = await machine(t, 'ova', ['govc'])
  program('curl', silent(root))
  const { exitCode, seconds } = await run(['--wait', '20'], { GOVC_URL: 'user@host', TAKES: '15' })
  t.equal(exitCode, 4)
  t.ok(seconds >= 20 && seconds <= 21, `waited ${seconds} s`)
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
  t.equal((await run(['--provider', 'docker'])).stderr, 'script.sh: There is no box for the provider "docker".\n')
  for (const file of ['virtualbox.box', 'libvirt.box', 'ciab.json']) unlinkSync(join(root, 'kit', file))
  t.match(await run([], { FOUND: 'yes', BOX: names.boxVersion }), { exitCode: 0, calls: ['vagrant up --provider virtualbox'] }, 'what was taken is not asked for again')
  unlinkSync(join(root, 'bin/VBoxManage'))
  t.same((await run(['--stop'])).calls, ['vagrant halt'])
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
  t.match((await run([], { FAIL: 'up' })).stderr, /\nscript\.sh: Vagrant did not start it \(see above\)\.\n$/, 'VirtualBox starts it without nesting')
  const hosts = await run(['--provider', 'vmware_desktop'], { FAIL: 'up' })
  const [, line = ''] = /Where it says that this host cannot nest: add to '\/here\/kit\/machine\/Vagrantfile', before its last line:\n {2}(.*)\nand try again; /.exec(hosts.stderr) ?? []
  t.match(line, 'm.vmx["vhv.enable"] = "FALSE"')
  const page = readFileSync(join(templates, 'vagrant/README.txt.hbs'), 'utf8')
  t.ok(page.includes(`  ${line}\n`), 'the page says the same')
  const config = 'class C; def vm = self; def provider(name) = yield(self); def vmx = ($vmx ||= {}); attr_accessor :enable_virtualization_extensions; end; config = C.new; '
  const given = `${(page.match(/config\.vm\.provider\(.*/g) ?? []).join('; ')}; p config.vmx, config.enable_virtualization_extensions`
  t.equal((await realDeps.run(['ruby', '-e', config + given])).stdout.replace(' => ', '=>'), '{"vhv.enable"=>"FALSE"}\nfalse\n', 'and Ruby reads it')
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
