/** verify-xen: starts a guest on a host that is played by a stand-in, and tells how far it came. */
import t from 'tap'
import type { Test } from 'tap'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import { bootOnXen } from '../../pipeline/stages/verify-xen.js'
import type { XenBootPlan } from '../../pipeline/targets/types.js'
import { ownQemu, playXenHost } from '../fixtures/played-xen-host.js'
import type { HostBehaviour } from '../fixtures/played-xen-host.js'
import { fakeContext } from '../fixtures/stage-context.js'

const spec = applyDefaults(
  { title: 'Test', version: '0.1.0', family: 'debian', release: 'trixie', timeouts: { readySeconds: 1 } },
  { name: 'test', knownTargets: ['xen'] }
)
const hvm: XenBootPlan = {
  name: 'hvm', virtualisation: 'full', files: ['start.sh', 'hvm.cfg'], arguments: ['--wide', 'a b'], disk: 'd.raw', diskFormat: 'raw', reaches: 'booting',
}

const up = 'XEN host: Xen 4.17.5, Linux 6.1.0-40-amd64, pv hvm\nXEN started: domain 1\n'

function setUp(t: Pick<Test, 'testdir'>, behaviour: HostBehaviour, plan: XenBootPlan = hvm) {
  const base = t.testdir({
    host: { 'start-guest': '#!/bin/bash\n' },
    release: { 'hvm.cfg': 'name = "x"\n', 'start.sh': 'exit 0\n', 'd.raw': 'content', 'd.qcow2': 'content' },
    logs: {},
  })
  const played = playXenHost(behaviour)
  // The start has 60 s for a host of its own; the guest's second is what these tests wait for.
  const fake = fakeContext(played.run, join(base, 'logs'))
  const context = { ...fake, acceleration: { ...fake.acceleration, timeoutFactor: 0.4 } }
  const [directory, program] = [join(base, 'boot'), join(base, 'host/start-guest')]
  const host = async () => ({ directory: join(base, 'host'), program, emulator: '/templates/emulator' })
  const boot = () => bootOnXen({ spec, target: 'xen', plan, host, release: join(base, 'release'), directory }, context)
  return { base, played, context, directory, boot }
}

t.test('gives a stand-in for the host the start script and its configuration as they were exported, and the bytes of the disk', async t => {
  const { base, played, directory, boot } = setUp(t, { host: up, guest: 'EVC {"state":"booting","uptimeSeconds":9}\nEVC {"state":"ready","nested":"kvm"}\n' })
  const { checks, identity } = await boot()
  t.equal(identity, undefined)
  t.match(checks, [
    {
      target: 'xen', boot: 'hvm', name: 'start', status: 'passed',
      detail: `start.sh --wide a b on Xen 4.17.5, Linux 6.1.0-40-amd64, pv hvm; QEMU ${ownQemu}, CPU qemu64,+svm,+npt`,
    },
    { name: 'comes to booting', status: 'passed', detail: /^booting after \d s, ready after \d s; nested: kvm$/ },
  ])
  t.same(played.job(), {
    'install.sh': '#!/bin/bash\n', arguments: '--wide\na b\n', 'guest/start.sh': 'exit 0\n', 'guest/hvm.cfg': 'name = "x"\n',
  })
  t.equal(played.options().cwd, join(base, 'host'))
  t.same(played.options().env, {
    GUARD_LABEL: 'verify-xen-hvm', PIPELINE_QEMU: '/templates/emulator', PIPELINE_XEN_EMULATOR: `${base}/host/emulator`,
  }, 'in the QEMU that lets such a guest read CR2')
  const create = played.lines.find(line => line.startsWith('qemu-img'))
  t.equal(create, `qemu-img create -q -f qcow2 -b ${base}/release/d.raw -F raw -- ${directory}/exported.qcow2 7`)
  t.notOk(existsSync(directory))
})

const qemus = { 'emulated and paravirtualised': ['para', 'tcg'], 'with KVM': ['full', 'kvm'] } as const

for (const [what, [virtualisation, kind]] of Object.entries(qemus)) {
  t.test(`a guest ${what} is started in this machine's own QEMU`, async t => {
    const { played, context, boot } = setUp(t, { host: up, guest: 'EVC {"state":"ready"}\n' }, { ...hvm, virtualisation })
    Object.assign(context.acceleration, { kind })
    const { checks } = await boot()
    t.match(checks[0]?.detail, / QEMU 10\.0\.2, CPU /)
    t.same(played.options().env, { GUARD_LABEL: 'verify-xen-hvm' })
  })
}

t.test('leaves room behind a disk that grows', async t => {
  const { base, played, directory, boot } = setUp(t, { host: 'XEN failed: x\n' }, { ...hvm, disk: 'd.qcow2', diskFormat: 'qcow2' })
  await boot()
  const create = played.lines.find(line => line.startsWith('qemu-img'))
  t.equal(create, `qemu-img create -q -f qcow2 -b ${base}/release/d.qcow2 -F raw -- ${directory}/exported.qcow2 17179869191`)
})

t.test('passes a guest that came as far as it must, and says where its time was over', async t => {
  const { checks } = await setUp(t, { host: up, guest: 'EVC {"state":"booting"}\nEVC {"state":"cloud"}\n' }).boot()
  t.match(checks[1], { status: 'passed', detail: /^booting after \d s, cloud after \d s; nothing more until \d s, where verification ended it$/ })
})

const overdue = 'EVC {"state":"booting"}\nEVC {"state":"failed","step":"identity","reason":"did not end within 300 s"}\n'

t.test('an emulated guest whose own time limit ended a step came that far; with KVM it failed', async t => {
  const emulated = await setUp(t, { host: up, guest: overdue }).boot()
  t.match(emulated.checks[1], { status: 'passed', detail: /^booting after \d s, failed after \d s; then its own time limit ended a step, in emulation: .*"identity": did not end within 300 s\.$/ })
  const { context, boot } = setUp(t, { host: up, guest: overdue })
  Object.assign(context.acceleration, { kind: 'kvm' })
  t.match((await boot()).checks[1], { status: 'failed', detail: /^The appliance's set-up failed at step "identity": did not end within 300 s\./ })
})

const failures: Readonly<Record<string, { behaviour: HostBehaviour; check: number; detail: RegExp }>> = {
  'a guest that says nothing': {
    behaviour: { host: up, guest: 'SeaBIOS\n' },
    check: 1, detail: /^The virtual machine did not show state "ready" \(it showed no state yet\) within 1 s\.\nlast lines of its serial console:\n\| SeaBIOS$/,
  },
  'a guest whose set-up failed': {
    behaviour: { host: up, guest: 'EVC {"state":"booting"}\nEVC {"state":"failed","step":"network","reason":"no card"}\n' },
    check: 1, detail: /^The appliance's set-up failed at step "network": no card\./,
  },
  'a guest that is gone': {
    behaviour: { host: `${up}XEN ended: the guest is gone\n`, guest: 'EVC {"state":"booting"}\n' },
    check: 1, detail: /^The virtual machine ended while waiting for state "ready"/,
  },
  'a host that cannot start it': {
    behaviour: { host: 'noise\nXEN failed: xl create: libxl: error\n' },
    check: 0, detail: /^The Xen host did not start the guest: xl create: libxl: error\.\nlast lines of its own console:\n\| noise\n\| XEN failed: xl create: libxl: error$/,
  },
  'a host that ends without a word': {
    behaviour: { host: '(XEN) Panic on CPU 0\n', ends: true },
    check: 0, detail: /^The Xen host did not start the guest: it ended\.\nlast lines of its own console:\n\| \(XEN\) Panic on CPU 0$/,
  },
}

for (const [what, { behaviour, check, detail }] of Object.entries(failures)) {
  t.test(`fails ${what}, played by a stand-in`, async t => {
    const { checks } = await setUp(t, behaviour).boot()
    t.equal(checks.length, check + 1)
    t.equal(checks[check]?.status, 'failed')
    t.match(checks[check]?.detail, detail)
  })
}

t.test('a host that cannot be had is no fault of the artifact', async t => {
  const base = t.testdir({})
  const context = fakeContext(async () => { throw new Error('nothing is run') }, base)
  const error = new Error('the mirror does not answer')
  const request = { spec, target: 'xen', plan: hvm, host: () => Promise.reject(error), release: base, directory: join(base, 'boot') }
  await t.rejects(bootOnXen(request, context), error)
})
