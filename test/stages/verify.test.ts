/** verify: files, boots and copies of several targets in one report, whatever fails. */
import t from 'tap'
import { aboutPhony } from '../fixtures/phony-target.js'
import { join } from 'node:path'
import { artifactWrong } from '../../pipeline/errors/targets.js'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import { verify } from '../../pipeline/stages/verify.js'
import type { BootPlan, Target } from '../../pipeline/targets/types.js'
import { toolMissing } from '../../pipeline/errors/tools.js'
import { failureOf } from '../fixtures/failure.js'
import { playAppliance } from '../fixtures/played-appliance.js'
import type { Behaviour } from '../fixtures/played-appliance.js'

const written = { title: 'Cloud in a box', version: '1.0.0', family: 'debian', release: 'trixie' } as const
const spec = applyDefaults(written, { name: 'ciab', knownTargets: ['kvm'] })
const hardware = { firmware: 'bios', disk: 'd.qcow2', diskFormat: 'qcow2', machine: 'q35', diskDevice: 'virtio-blk-pci', networkDevice: 'virtio-net-pci' } as const
const two: readonly BootPlan[] = [{ name: 'first', ...hardware }, { name: 'second', ...hardware }]

const xenHost = async () => {
  throw new Error('no Xen host is wanted here')
}

const target = (name: string, more: Partial<Target> = {}): Target => ({
  name,
  summary: 'x', ...aboutPhony,
  from: 'disk',
  tools: [],
  guest: { packages: { debian: [], el: [] }, drivers: [], modules: [], devices: [], kernelArguments: [] },
  plan: () => [],
  export: async () => ({ writers: [], finish: async () => [] }),
  verify: async () => [{ name: 'structure', found: 'sound' }],
  boots: () => two,
  ...more,
})

async function report(directory: string, targets: readonly Target[], behaviour: Behaviour = {}) {
  const { run } = await playAppliance(directory, behaviour)
  const deps = { run, render: async () => '', templates: '/templates' }
  const context = {
    run,
    runPiped: async () => { throw new Error('nothing is piped here') },
    signal: new AbortController().signal,
    progress: () => {},
    logDirectory: directory,
    acceleration: { kind: 'kvm', reason: 'x', qemuVersion: '10.0.2', timeoutFactor: 1 },
    qemuBinary: '/guard',
    guardEnvironment: () => ({}),
  } as const
  return verify({ spec, version: '1.0.0+1', sourceDateEpoch: 1, release: '/release', targets, xenHost }, deps, context, join(directory, 'boots'))
}

const short = (checks: readonly { target: string; boot?: string; name: string; status: string }[]) =>
  checks.map(({ target, boot, name, status }) => [target, boot, name, status].filter(Boolean).join(' '))

t.test('passes a release whose files are sound and whose copies share nothing', async t => {
  const found = await report(t.testdir(), [target('kvm')])
  t.equal(found.passed, true)
  t.match(found, { appliance: 'ciab', version: '1.0.0+1', formatVersion: 1, acceleration: { kind: 'kvm' } })
  t.ok(found.durationMs > 0 && !Number.isNaN(Date.parse(found.startedAt)))
  const lines = short(found.checks)
  t.strictSame(lines.slice(0, 3), ['kvm files passed', 'kvm structure passed', 'kvm first start passed'])
  t.equal(lines.at(-1), 'kvm all boots copies share nothing passed')
  t.match(found.checks.at(-1)?.detail, /^2 boots of the same disk differ in: machine id, /)
  t.ok(lines.includes('kvm first powers off when asked to passed'), 'the first boot is thorough')
  t.notOk(lines.includes('kvm second powers off when asked to passed'), 'the second is not')
})

t.test('fails copies that are clones of each other', async t => {
  const found = await report(t.testdir(), [target('kvm')], { cloned: true })
  t.equal(found.passed, false)
  t.strictSame(short(found.checks.filter(check => check.status !== 'passed')), ['kvm all boots copies share nothing failed'])
  t.match(found.checks.at(-1)?.detail, /^Two copies share: machine id, .*password, api-token/)
})

t.test('what another host must look at is skipped, pending, and the files are booted all the same', async t => {
  const away = target('kvm', { verify: async () => [{ name: 'structure', found: 'sound' }, { name: 'content', skipped: 'not compared' }] })
  const found = await report(t.testdir(), [away])
  t.equal(found.passed, true)
  t.strictSame(short(found.checks).slice(0, 4), ['kvm files passed', 'kvm structure passed', 'kvm content skipped', 'kvm first start passed'])
  t.match(found.checks.slice(0, 3), [{ detail: '1 checks' }, {}, { detail: 'not compared', pending: true }])
})

t.test('does not boot damaged files, and goes on with the next target', async t => {
  const damaged = target('alpha', { verify: async () => { throw artifactWrong('alpha', 'd.vmdk', 'is damaged') } })
  const found = await report(t.testdir(), [damaged, target('kvm')])
  t.equal(found.passed, false)
  const lines = short(found.checks)
  t.strictSame(lines.slice(0, 3), ['alpha files failed', 'alpha boot skipped', 'kvm files passed'])
  t.equal(found.checks[0]?.detail, 'alpha/d.vmdk is damaged.')
  t.equal(found.checks[1]?.detail, 'its files did not pass')
  t.equal(lines.at(-1), 'alpha, kvm all boots copies share nothing passed')
})

t.test('says which target could not be booted here, and why', async t => {
  const { boots: _, ...bootless } = target('hyperv')
  const found = await report(t.testdir(), [bootless])
  t.equal(found.passed, true)
  t.strictSame(short(found.checks), ['hyperv files passed', 'hyperv structure passed', 'hyperv boot skipped', 'hyperv all boots copies share nothing skipped'])
  t.equal(found.checks[2]?.detail, 'QEMU cannot play this target\'s hardware')
})

t.test('starts what is for Xen on the Xen host, and only that', async t => {
  const { boots: _, ...xen } = target('xen', { xenBoots: () => [{ name: 'pv', virtualisation: 'para', files: ['start.sh'], arguments: ['--pv'], disk: 'd.raw', diskFormat: 'raw', reaches: 'ready' }] })
  t.equal((await report(t.testdir(), [target('kvm')])).passed, true)
  await t.rejects(report(t.testdir(), [xen]), new Error('no Xen host is wanted here'))
})

t.test('does not take a missing tool for a bad artifact', async t => {
  const missing = toolMissing({ file: 'qemu-img', reason: 'verify kvm', hint: 'apt-get install qemu-utils' })
  const error = await failureOf(report(t.testdir(), [target('kvm', { verify: async () => { throw missing } })]))
  t.equal(error, missing)
})
