/**
 * The eucalyptus appliance's first boot in a virtual machine: Debian stands in for CentOS, and a program that keeps state
 * and refuses wrong orders for Eucalyptus' commands. Real are the first boot and its units, systemd, nginx, the network,
 * the disk that grows, and two power cuts.
 */
import t from 'tap'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { sharedPlaces } from '../../fixtures/built-image.js'
import { kills, orders } from '../../fixtures/eucalyptus-faults.js'
import { EucalyptusVm, makeMachine } from '../../fixtures/eucalyptus-vm.js'
import { freePort, getAnyCertificate } from '../../fixtures/foreign-vm.js'

t.setTimeout(10_800_000)
/** Emulated, on a machine that others use, too. */
const startMs = 1_500_000

const { work } = sharedPlaces(t)
const folder = join(work, 'eucalyptus-vm')
mkdirSync(folder, { recursive: true })
t.teardown(() => rmSync(folder, { recursive: true, force: true }))
const made = await makeMachine(folder)

let vm: EucalyptusVm | undefined
t.teardown(() => vm?.cutPower())
const start = (options: Parameters<typeof EucalyptusVm.start>[1]) => (vm = EucalyptusVm.start(made, options))
const passwords = (text: string) => [...text.matchAll(/^(?:[a-z]+-)?password: (\S+)\r?$/gm)].map(([, password = '']) => password)

for (const [count, cut] of ['middle clcadmin-initialize-cloud', 'after euca-create-keypair'].entries()) {
  t.test(`power cut ${count + 1}, ${cut}: the machine was not ready`, async t => {
    const vm = start({ cut })
    t.ok(await vm.says(/STAND-IN: cut the power now/, startMs), vm.console.slice(-1000))
    await vm.cutPower()
    t.not(vm.states.at(-1)?.['state'], 'ready')
  })
}

t.test('after two power cuts it comes to ready by itself, against the stand-in for the cloud', async t => {
  const [http, https, backend] = [await freePort(), await freePort(), await freePort()]
  const forwards = [[http, 80], [https, 443], [backend, 8888]].map(([hostPort = 0, guestPort = 0]) => ({ hostPort, guestPort }))
  const vm = start({ forwards })
  t.ok(await vm.says(/EVC \{"state":"(?:ready|failed)"/, startMs), vm.console.slice(-1000))
  const last = vm.states.at(-1)
  t.match(last, { state: 'ready', appliance: 'eucalyptus', address: '192.168.42.2' })

  t.test('states come in order on the serial line', async t => {
    t.same([...new Set(vm.states.map(({ state }) => state))], ['booting', 'identity', 'network', 'cloud', 'demo', 'ready'])
  })

  t.test('without /dev/kvm instances are emulated, and the state says so', async t => {
    t.match(last, { hypervisor: 'qemu', nested: 'unavailable', nestedHint: /^This machine is emulated by QEMU\. Start it with/ })
    t.match((await vm.run('cat /etc/eucalyptus/eucalyptus.conf')).output, /^HYPERVISOR="qemu"$/m)
  })

  t.test('the same state is on port 80 beside the landing page; the console is on 443 and 8888', async t => {
    const page = await fetch(`http://127.0.0.1:${http}/`)
    t.match(await page.text(), '<title>')
    t.same(await (await fetch(`http://127.0.0.1:${http}/state.json`)).json(), last)
    // The console itself is played; its nginx, and the way through that to what is behind it, are real.
    const behind = 'stand-in for the console, asked by https'
    for (const port of [https, backend]) t.equal(await getAnyCertificate(port, '/login'), behind)
    const upload = await vm.run('head -c 3000000 /dev/zero | curl --silent --insecure --data-binary @- https://192.168.42.2/login')
    t.equal(upload.output, behind, 'what is uploaded comes there, too')
    t.match((await vm.run('openssl x509 -noout -subject -in /etc/pki/tls/certs/eucaconsole.crt')).output, /CN ?= ?192\.168\.42\.2$/m)
  })

  t.test('the root partition was grown to the end of the disk, and its file system is sound', async t => {
    const { output } = await vm.run('df --output=size -m / | tail -n 1; dmesg | grep -c "EXT4-fs error"')
    const [mebibytes, errors] = output.trim().split(/\s+/).map(Number)
    t.ok((mebibytes ?? 0) > 1700, output)
    t.equal(errors, 0)
  })

  t.test('credentials are shown on the serial line when a key was pressed there, and not before', async t => {
    const { output } = await vm.run('cat /root/credentials')
    const secrets = passwords(output)
    t.equal(secrets.length, 3, 'of evc, the console and the administrator')
    for (const secret of secrets) t.notMatch(vm.console, secret)
    vm.type('\r')
    t.ok(await vm.says(/--- end of credentials ---/, 60_000))
    for (const secret of secrets) t.match(vm.console, secret)
  })

  t.test('evc-reset takes it back to its first boot, and it restarts', async t => {
    await vm.run('evc-reset --yes')
    t.ok(await vm.ends(300_000), vm.console.slice(-500))
  })
})

t.test('the first boot, killed in every step as a process in one running machine, still ends in ready', async t => {
  const [first = '', ...moments] = Object.values(kills).flat()
  const vm = start({ kill: first })
  t.ok(await vm.says(/EVC \{"state":"booting"/, startMs))
  t.match(await vm.firstBoot('wait'), { killed: true }, first)
  // As in a Vagrant box: without it the step has nothing to be killed in.
  await vm.run('touch /etc/evc/vagrant')
  for (const moment of moments) {
    const { killed, state } = await vm.firstBoot(moment)
    t.ok(killed, `${moment}, ${JSON.stringify(state)}`)
    t.not(state['state'], 'ready', moment)
  }
  const { state } = await vm.firstBoot('')
  t.match(state, { state: 'ready' })
  t.equal((await vm.run('stat -c %U /home/evc/demo.pem')).output.trim(), 'evc')
  t.match(await vm.run('cmp ~vagrant/.ssh/authorized_keys /usr/lib/evc/vagrant.pub && runuser -u vagrant -- sudo -n whoami'), { code: 0, output: /root/ })
  t.same(Object.keys(kills), (await vm.run('ls -1 /usr/lib/evc/steps')).output.trim().split('\n'), 'no step was left out')
})

for (const [left, [step, reason]] of Object.entries(orders)) {
  t.test(`without ${left} the stand-in refuses, and ${step} fails with a reason`, async t => {
    if (vm === undefined) throw new Error('there is no machine')
    const steps = '/usr/lib/evc/steps'
    await vm.run(`as-new; echo EVC_POLL_SECONDS=0 EVC_WAIT_PERCENT=1 | tr ' ' '\\n' >/run/stand-in/environment; mv ${steps}/${left} /run`)
    try {
      const { state } = await vm.firstBoot('')
      t.match(state, { state: 'failed', step, reason })
    } finally {
      await vm.run(`mv /run/${left} ${steps}/`)
    }
  })
}
