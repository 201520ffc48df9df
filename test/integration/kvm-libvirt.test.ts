/** The kvm kit with a real libvirtd and a real QEMU, on a machine of its own; the guest is a boot sector that plays the appliance. */
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { bootSectorDisk } from '../fixtures/boot-sector.js'
import { kitBench, must, ready, same, stop } from '../fixtures/kit-bench.js'
import type { Bench } from '../fixtures/kit-bench.js'
import { processesWith, vmsWith } from '../fixtures/processes.js'

const says = ['EVC {"state":"booting"}', 'EVC {"state":"ready","address":"192.168.42.2","nestedHint":""}']

/** Folders that libvirtd writes to are this machine's own, and so are the users that it looks for. */
const startLibvirtd = `set -e
mount -t tmpfs tmpfs /run
for folder in /etc/libvirt /var/lib/libvirt /var/log/libvirt /var/cache/libvirt; do
  mkdir -p "$folder"
  mount -t tmpfs tmpfs "$folder"
done
mkdir /var/log/libvirt/qemu
for file in passwd group; do cp "/etc/$file" "/run/$file"; done
grep -q ^libvirt-qemu: /run/passwd || echo libvirt-qemu:x:64055:64055::/nonexistent:/usr/sbin/nologin >>/run/passwd
for group in libvirt-qemu:x:64055: kvm:x:64054:; do grep -q "^\${group%%:*}:" /run/group || echo "$group" >>/run/group; done
for file in passwd group; do mount --bind "/run/$file" "/etc/$file"; done
printf '%s\\n' 'user = "root"' 'group = "root"' 'stdio_handler = "file"' 'cgroup_controllers = []' 'security_driver = "none"' 'namespaces = []' 'remember_owner = 0' >/etc/libvirt/qemu.conf
echo 'auth_unix_rw = "none"' >/etc/libvirt/libvirtd.conf
setsid libvirtd --config /etc/libvirt/libvirtd.conf --pid-file /run/libvirtd.pid </dev/null >/run/libvirtd.log 2>&1 &
for i in $(seq 100); do virsh --connect qemu:///system list >/dev/null 2>&1 && exit 0; sleep 0.2; done
cat /run/libvirtd.log >&2
exit 1`

async function withLibvirt(test: Pick<typeof t, 'testdir' | 'teardown'>): Promise<Bench> {
  const it = await kitBench(test, await bootSectorDisk(test.testdir({}), says))
  const { exitCode, stderr } = await it.host.on(['sh', '-c', startLibvirtd])
  if (exitCode !== 0) throw new Error(stderr)
  test.teardown(async () => {
    await it.host.on(['sh', '-c', 'kill "$(cat /run/libvirtd.pid)"'])
    // Its machines outlive it where a test has failed.
    for (const { pid } of vmsWith(it.directory)) process.kill(pid, 'SIGKILL')
  })
  return it
}

const virsh = async ({ host }: Bench, ...words: string[]) => await host.on(['virsh', '--quiet', '--connect', 'qemu:///system', ...words])

t.test('where libvirt runs it starts the machine by it, waits until it is ready, and takes everything back', async t => {
  const it = await withLibvirt(t)
  const { host, script, state } = it
  const before = await host.snapshot()
  const started = await script('run-evc.sh --accel tcg --memory 512')
  t.same([started.exitCode, started.stdout], [0, ready], started.stderr)
  t.match(started.stderr, /run-evc\.sh: Starting Cloud in a box \S+ by tcg \(libvirt\)\.\nrun-evc\.sh: The appliance is starting\.\nrun-evc\.sh: It is ready:\n/)
  t.match((await virsh(it, 'list')).stdout, /^ 1 +ciab-\S+ +running\n$/)
  t.match((await host.on(['ip', '-br', 'link', 'show', 'master', 'evcbr0'])).stdout, /^vnet0 /, 'it is on the bridge')
  t.equal((await script('status')).stdout, `ready\n${ready}`)
  t.match((await script('status --log')).stdout, says.join('\n'))
  const again = await script('run-evc.sh --accel tcg --memory 512')
  t.match(again.stderr, /^run-evc\.sh: It is running already; /, 'twice')

  t.equal((await script(stop)).exitCode, 0)
  t.equal((await virsh(it, 'list', '--all')).stdout, '', 'libvirt knows nothing of it')
  same(t, await host.snapshot(), before)
  t.notOk(existsSync(state))
  t.same(processesWith(state), [])
})

t.test('a machine that somebody has switched off meanwhile is told, and taken back like any other', async t => {
  const it = await withLibvirt(t)
  const { script, host } = it
  const before = await host.snapshot()
  t.equal((await script('run-evc.sh --accel tcg --memory 512 --wait 0')).exitCode, 0)
  const name = (await virsh(it, 'list', '--name')).stdout.trim()
  await virsh(it, 'destroy', name)
  const { stdout, stderr } = await script('status')
  t.same([stdout, stderr], ['stopped\n', 'status: What it made on this machine is still there: ./run-evc.sh starts it again, ./teardown-evc.sh takes it back.\n'])
  t.equal((await script(stop)).exitCode, 0)
  same(t, await host.snapshot(), before)
})

const start = 'run-evc.sh --accel tcg --memory 512 --wait 0'
const names = async (it: Bench) => (await virsh(it, 'list', '--all', '--name')).stdout.trim()
const uuids = async (it: Bench) => (await virsh(it, 'list', '--all', '--uuid')).stdout.trim()

/** As README.txt offers it, but that this machine may have no KVM; gives its name. */
async function defineByHand(it: Bench): Promise<string> {
  const text = readFileSync(join(it.directory, 'kit', 'domain.xml'), 'utf8')
  const byHand = join(it.directory, 'by-hand.xml')
  writeFileSync(byHand, text.replace("<domain type='kvm'>", "<domain type='qemu'>").replace(/<cpu .*\/>/, ''))
  await must(it.host, `virsh --quiet --connect qemu:///system define ${byHand}`)
  return await names(it)
}

t.test('a machine that its owner has defined by hand is named before anything is made, and left alone', async t => {
  const it = await withLibvirt(t)
  const name = await defineByHand(it)
  const [before, his] = [await it.host.snapshot(), await uuids(it)]
  const { exitCode, stderr } = await it.script(start)
  const virsh = 'sudo virsh --connect qemu:///system'
  t.equal(stderr, `run-evc.sh: libvirt has a machine ${name} already that run-evc.sh has not made. Use that one (${virsh} start ${name}), remove it (${virsh} undefine ${name} --nvram), or start without libvirt: --qemu\n`)
  t.equal(exitCode, 3)
  same(t, await it.host.snapshot(), before)
  t.equal((await it.script(stop)).stderr, 'teardown-evc.sh: Nothing is left to take back.\n')
  t.equal(await uuids(it), his)
})

t.test("a machine of the same name that has taken the kit's place is neither stopped nor removed", async t => {
  const it = await withLibvirt(t)
  t.equal((await it.script(start)).exitCode, 0)
  const name = await names(it)
  for (const word of ['destroy', 'undefine']) await virsh(it, word, name)
  await defineByHand(it)
  const his = await uuids(it)
  t.equal((await it.script(stop)).exitCode, 0)
  t.equal(await uuids(it), his)
  t.notOk(existsSync(it.state))
})

t.test('a machine that libvirt has paused is running still, which is told, and is taken back', async t => {
  const it = await withLibvirt(t)
  const before = await it.host.snapshot()
  t.equal((await it.script(start)).exitCode, 0)
  await virsh(it, 'suspend', await names(it))
  const paused = `!! libvirt has paused it, as it does when the disk's file system is full (${join(it.directory, 'kit')}). Free some, then: sudo virsh --connect qemu:///system resume ${await uuids(it)}\n`
  const status = await it.script('status')
  t.match(status.stdout, /^(starting|booting|ready)\n/)
  t.match(status.stderr, `status: ${paused}`)
  t.match((await it.script(start)).stderr, `run-evc.sh: It is running already; ./teardown-evc.sh stops it.\nrun-evc.sh: ${paused}`)
  const stopped = await it.script(stop)
  t.equal(stopped.exitCode, 0, stopped.stderr)
  t.equal(await names(it), '')
  same(t, await it.host.snapshot(), before)
})

t.test('a machine with a snapshot and a saved memory is taken back, too', async t => {
  const it = await withLibvirt(t)
  const before = await it.host.snapshot()
  t.equal((await it.script(start)).exitCode, 0)
  const name = await names(it)
  await must(it.host, `virsh --quiet --connect qemu:///system snapshot-create ${name}`)
  await must(it.host, `virsh --quiet --connect qemu:///system managedsave ${name}`)
  const stopped = await it.script(stop)
  t.equal(stopped.exitCode, 0, stopped.stderr)
  t.equal(await names(it), '')
  same(t, await it.host.snapshot(), before)
})

t.test('a machine that libvirt does not give up, or that it cannot be asked for, stays in the record', async t => {
  const it = await withLibvirt(t)
  const before = await it.host.snapshot()
  t.equal((await it.script(start)).exitCode, 0)
  const uuid = await uuids(it)
  const folder = join(it.directory, 'bin')
  mkdirSync(folder)
  for (const refused of ['undefine', 'qemu:///system']) {
    writeFileSync(join(folder, 'virsh'), `#!/bin/sh\ncase " $* " in *' ${refused} '*) echo 'error: refused' >&2; exit 1 ;; esac\nPATH=\${PATH#*:} exec virsh "$@"\n`)
    chmodSync(join(folder, 'virsh'), 0o755)
    const { exitCode, stderr } = await it.script(stop, { PATH: `${folder}:${process.env['PATH'] ?? ''}` })
    t.equal(stderr, `error: refused\nteardown-evc.sh: libvirt did not give up the machine ${uuid} (see above), so what it stands on stays. Look after that, then try again. If libvirt has gone for good, delete the line "libvirt ${uuid}" from ${it.state}/made.\n`, refused)
    t.equal(exitCode, 4)
  }
  t.equal(await uuids(it), uuid)
  t.equal((await it.script(stop)).exitCode, 0)
  t.equal(await names(it), '')
  same(t, await it.host.snapshot(), before)
})

t.test("a folder that libvirt's user cannot pass is named, with what to type", async t => {
  const it = await withLibvirt(t)
  await must(it.host, `chmod 700 ${it.directory}`)
  const { exitCode, stderr } = await it.script('run-evc.sh --accel tcg --memory 512')
  // libvirtd runs QEMU as root here, who passes everything; as its own user it would not.
  t.equal(exitCode, 0, stderr)
  await it.script(stop)
  await it.host.on(['sh', '-c', 'echo \'user = "libvirt-qemu"\' >/etc/libvirt/qemu.conf'])
  const refused = await it.script('run-evc.sh --accel tcg --memory 512')
  t.equal(refused.exitCode, 3)
  t.match(refused.stderr, it.directory)
  await must(it.host, `chmod 755 ${it.directory}`)
})
