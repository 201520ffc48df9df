/** Needs against what is free, nesting of this host, and which targets it can run. */
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadTargets, selectTargets } from '../../pipeline/targets/index.js'
import { availableMemory, diagnoseTargets, hostNesting, needsOf } from '../../pipeline/run/diagnosis.js'

const gib = 1024 ** 3

t.test('sets need against free, and knows that emulation takes longer', async t => {
  const input = { memoryMib: 4096, targets: ['kvm'], availableBytes: 4 * gib, freeDiskBytes: 100 * gib }
  const kvm = needsOf({ ...input, acceleration: 'kvm' })
  t.same(kvm.resources.map(({ name, enough }) => [name, enough]), [['memory', false], ['disk', true]])
  t.ok(needsOf({ ...input, availableBytes: 8 * gib, acceleration: 'kvm' }).resources.every(({ enough }) => enough))
  t.ok(needsOf({ ...input, acceleration: 'tcg' }).seconds > kvm.seconds)
  t.ok((needsOf({ ...input, targets: ['kvm', 'ova'], acceleration: 'kvm' }).resources[1]?.needBytes ?? 0) > (kvm.resources[1]?.needBytes ?? 0))
})

const machine = (vendor: string, nested?: string) => async (path: string) =>
  path === '/proc/cpuinfo' ? `vendor_id\t: ${vendor}\n` : path.includes(vendor === 'GenuineIntel' ? 'kvm_intel' : 'kvm_amd') ? nested : undefined

t.test('tells whether this host nests, and what to do where it does not', async t => {
  t.equal(await hostNesting(machine('GenuineIntel', 'Y\n')), 'yes')
  t.equal(await hostNesting(machine('AuthenticAMD', '1\n')), 'yes')
  t.equal(
    await hostNesting(machine('AuthenticAMD', '0\n')),
    "off; with no virtual machine running: echo 'options kvm_amd nested=1' >/etc/modprobe.d/nested.conf; modprobe -r kvm_amd; modprobe kvm_amd"
  )
  t.equal(
    await hostNesting(machine('GenuineIntel')),
    'kvm_intel is not loaded: switch on VT-x or AMD-V in the firmware, then: modprobe kvm_intel'
  )
})

t.test('says of each target whether its program is here, and how to get it', async t => {
  const path = t.testdir({})
  writeFileSync(join(path, 'qemu-system-x86_64'), '')
  chmodSync(join(path, 'qemu-system-x86_64'), 0o755)
  const found = await diagnoseTargets(selectTargets(await loadTargets(), ['kvm', 'vmware']), { path, nested: 'yes', read: async () => undefined })
  t.same(found.map(({ target, runsHere, hint }) => [target, runsHere, hint]), [
    ['kvm', true, ''],
    ['vmware', false, 'vmrun: install VMware Workstation or Player'],
  ])
  t.equal(found[0]?.nested, 'yes')
})

t.test('a program alone does not make a machine a Xen host', async t => {
  const path = t.testdir({})
  writeFileSync(join(path, 'xl'), '')
  chmodSync(join(path, 'xl'), 0o755)
  const targets = selectTargets(await loadTargets(), ['xen'])
  const runsHere = async (capabilities?: string) => {
    const read = async (file: string) => (file === '/proc/xen/capabilities' ? capabilities : undefined)
    return (await diagnoseTargets(targets, { path, nested: 'yes', read })).map(({ runsHere, hint }) => [runsHere, hint])
  }
  t.same(await runsHere('control_d\n'), [[true, '']])
  t.same(await runsHere(''), [[false, 'runs on: Linux dom0']])
  t.same(await runsHere(), [[false, 'runs on: Linux dom0']])
})

t.test('Vagrant needs a provider beside it', async t => {
  const path = t.testdir({})
  const targets = selectTargets(await loadTargets(), ['vagrant'])
  const hint = async () => (await diagnoseTargets(targets, { path, nested: 'yes', read: async () => undefined }))[0]?.hint
  const install = (file: string) => writeFileSync(join(path, file), '', { mode: 0o755 })
  t.equal(await hint(), 'vagrant: apt-get install vagrant')
  install('vagrant')
  t.equal(await hint(), 'vagrant: it needs one of libvirt, VirtualBox and VMware beside it')
  install('VBoxManage')
  t.equal(await hint(), '')
})

t.test('reads what the kernel calls available', async t => {
  t.equal(availableMemory('MemTotal:  9 kB\nMemAvailable:    2048 kB\n'), 2048 * 1024)
})
