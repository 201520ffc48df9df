/** verify-boot: a whole visit to a played appliance, and one for each promise that it may break. */
import t from 'tap'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { bootAndCheck, crashOf, nestedTrouble } from '../../pipeline/stages/verify-boot.js'
import { toolFailed, toolSignal } from '../../pipeline/errors/tools.js'
import type { VmContext } from '../../pipeline/stages/types.js'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import { failureOf } from '../fixtures/failure.js'
import { playAppliance, readyConsole } from '../fixtures/played-appliance.js'
import type { Behaviour } from '../fixtures/played-appliance.js'
import { replaceFreeBytes } from '../fixtures/replaced-files.js'

const written = { title: 'Cloud in a box', version: '1.0.0', family: 'debian', release: 'trixie' } as const
const spec = applyDefaults(written, { name: 'ciab', knownTargets: ['kvm'] })
const plan = { name: 'bios', firmware: 'bios', disk: 'd.qcow2', diskFormat: 'qcow2', machine: 'q35', diskDevice: 'virtio-blk-pci', networkDevice: 'virtio-net-pci' } as const

async function boot(directory: string, behaviour: Behaviour = {}, thorough = true) {
  const played = await playAppliance(directory, behaviour)
  const abort = new AbortController()
  const said: string[] = []
  const context: VmContext = {
    run: played.run,
    runPiped: async () => { throw new Error('nothing is piped here') },
    signal: abort.signal,
    progress: line => void said.push(line),
    logDirectory: directory,
    acceleration: { kind: 'kvm', reason: 'x', qemuVersion: '10.0.2', timeoutFactor: 1 },
    qemuBinary: '/guard',
    guardEnvironment: label => ({ LABEL: label }),
  }
  const request = { spec, target: 'kvm', plan, release: '/release/kvm', directory: join(directory, 'boot'), thorough }
  return { request, context, played, abort, said, directory }
}

type Prepared = Awaited<ReturnType<typeof boot>>
const run = ({ request, context }: Prepared) => bootAndCheck(request, context)

t.test('checks every promise of a sound appliance, keeps no secret, leaves nothing behind', async t => {
  const prepared = await boot(t.testdir())
  const { checks, identity } = await run(prepared)
  t.strictSame(checks.filter(check => check.status !== 'passed'), [])
  t.strictSame(checks.map(check => check.name), [
    'start', 'ready', 'credentials on the serial console', 'SSH by key', 'API takes the token',
    'landing page', 'state.json', 'accounts of people', 'API trusts the client', 'API keeps the client to its project',
    'container started through the API', 'virtual machine started with KVM in the guest',
    'no log-in by password over SSH', 'user rights', 'no other passwords', 'file system grown to the disk',
    'credentials are shown nowhere else', 'identity', 'powers off when asked to',
  ])
  const [copy] = prepared.played.copies
  t.equal(identity?.get('password'), copy?.password)
  t.equal(identity?.get('machine id'), copy?.machineId)
  const log = readFileSync(join(prepared.directory, 'verify-kvm-bios.serial.log'), 'utf8')
  t.match(log, /"state":"ready"/)
  for (const secret of [copy?.password ?? '', copy?.token ?? '']) {
    t.notOk(log.includes(secret), 'the stored log holds no secret')
    t.notOk(JSON.stringify([checks, prepared.said, prepared.played.lines]).includes(secret), 'nor do report, progress and commands')
  }
  t.notOk(existsSync(join(prepared.directory, 'boot')))
  t.match(prepared.played.lines.join('\n'), /qemu-img create .*-b \/release\/kvm\/d.qcow2 -F qcow2 -- .*\/boot\/overlay.qcow2\nqemu-img resize .* 12884901888\n/)
})

t.test('keeps to the cheap checks in the other boots, on a disk of its own size', async t => {
  const prepared = await boot(t.testdir(), {}, false)
  const { checks } = await run(prepared)
  t.strictSame(checks.map(check => `${check.name} ${check.status}`), [
    'start passed', 'ready passed', 'credentials on the serial console passed', 'SSH by key passed', 'API takes the token passed',
    'landing page passed', 'state.json passed', 'accounts of people passed', 'API trusts the client passed', 'identity passed',
  ])
  t.notMatch(prepared.played.lines.join('\n'), /qemu-img resize/)
})

t.test('skips, with the reason, what needs an appliance that got ready', async t => {
  const prepared = await boot(t.testdir(), { console: 'EVC {"state":"failed","step":"20-network","reason":"no card"}\n' }, false)
  const { checks, identity } = await run(prepared)
  t.equal(identity, undefined)
  const [, ready, ...others] = checks
  t.match(ready, { name: 'ready', status: 'failed', detail: /^The appliance's set-up failed at step "20-network": no card\.\nlast lines/ })
  t.ok(others.length > 5 && others.every(check => check.status === 'skipped' && check.detail === '"ready" did not pass'))
})

t.test('a boot that fails on a full disk of this host is no fault of the file: there is no report of it', async t => {
  const full = { code: 'disk-full', exitCode: 4, message: /^No space left for the boot bios of kvm on the disk of \S+boot \(1 MiB free\)\.$/ }
  replaceFreeBytes(t, 1024 ** 2)
  const failing = await boot(t.testdir(), { console: 'EVC {"state":"failed","step":"20-network","reason":"I/O error"}\n' }, false)
  await t.rejects(run(failing), full)
  const sound = await boot(t.testdir(), {}, false)
  t.equal((await run(sound)).checks.filter(check => check.status === 'failed').length, 0)
})

const broken: Readonly<Record<string, { behaviour: Behaviour; check: string; detail: RegExp }>> = {
  'an empty landing page': {
    behaviour: { pages: () => ({ '/': 'it works' }) },
    check: 'landing page', detail: /^GET \/ answered 200 with 8 characters\.$/,
  },
  'a state.json that lags behind': {
    behaviour: { pages: () => ({ '/state.json': '{"state":"demo"}' }) },
    check: 'state.json', detail: /^GET \/state.json answered 200, state "demo"\.$/,
  },
  'an account that nobody asked for': {
    behaviour: { scripts: () => ({ '/etc/passwd': 'evc\nvagrant\n' }) },
    check: 'accounts of people', detail: /^There are the accounts evc, vagrant, not evc\.$/,
  },
  'a client that is not trusted': {
    behaviour: { api: { 'GET /1.0': { auth: 'untrusted' } } },
    check: 'API trusts the client', detail: /calls a client that joined with the token "untrusted"/,
  },
  'a client that sees other projects': {
    behaviour: { api: { 'GET /1.0/projects': ['/1.0/projects/default', '/1.0/projects/demo'] } },
    check: 'API keeps the client to its project', detail: /sees the projects \/1.0\/projects\/default, \/1.0\/projects\/demo/,
  },
  'a container that cannot be made': {
    behaviour: { api: { 'GET /1.0/operations/1/wait?timeout=60&project=demo': { status: 'Failure', err: 'no space' } } },
    check: 'container started through the API', detail: /^The cloud's API answered POST \/1.0\/instances\?project=demo with: no space\.$/,
  },
  'a container that dies': {
    behaviour: { api: { 'GET /1.0/instances/verification/state?project=demo': { status: 'Stopped', network: null } } },
    check: 'container started through the API', detail: /^verification is Stopped\.$/,
  },
  'a VM without KVM': {
    behaviour: { scripts: () => ({ 'qemu.conf': 'accel = "tcg"\n' }) },
    check: 'virtual machine started with KVM in the guest', detail: /^The VM demo-vm does not run with KVM\.$/,
  },
  'no nested virtualisation': {
    behaviour: { console: readyConsole.replace('"nested":"kvm"', '"nested":"unavailable","nestedHint":"turn on nested"') },
    check: 'virtual machine started with KVM in the guest', detail: /no hardware virtualisation inside: turn on nested\.$/,
  },
  'SSH by password': {
    behaviour: { methods: 'publickey,password' },
    check: 'no log-in by password over SSH', detail: /^SSH offers evc: publickey,password\.$/,
  },
  'a user who is the cloud\'s administrator': {
    behaviour: { scripts: () => ({ 'id -nG': 'evc sudo incus-admin\n' }) },
    check: 'user rights', detail: /^evc is in the group incus-admin\.$/,
  },
  'sudo without a password': {
    behaviour: { scripts: () => ({ 'sudo -k -n': 'no question\n' }) },
    check: 'user rights', detail: /^sudo asks evc for no password\.$/,
  },
  'another account with a password': {
    behaviour: { scripts: () => ({ '/etc/shadow': 'root\nevc\n' }) },
    check: 'no other passwords', detail: /^These accounts have passwords: root, evc\.$/,
  },
  'a file system that did not grow': {
    behaviour: { scripts: () => ({ 'df --block-size': '10000000000\n' }) },
    check: 'file system grown to the disk', detail: /has 10000000000 bytes, the image 10737418240\.$/,
  },
  'a password in the landing page and on the console': {
    behaviour: { pages: copy => ({ '/': `<html>${copy.password}</html>` }), console: `your password: $PASSWORD\n${readyConsole}` },
    check: 'credentials are shown nowhere else',
    detail: /^Secrets are shown: the password in the landing page; the password in the stored serial log; the password in its serial console without a key pressed\.$/,
  },
  'a token in the journal': {
    behaviour: { scripts: () => ({ journalctl: 'the api-token in the journal\n' }) },
    check: 'credentials are shown nowhere else', detail: /^Secrets are shown: the api-token in the journal\.$/,
  },
  'a copy without an id': {
    behaviour: { scripts: () => ({ 'machine id=': 'machine id=\n' }) },
    check: 'identity', detail: /^This copy has no machine id\.$/,
  },
}

for (const [what, { behaviour, check, detail }] of Object.entries(broken)) {
  t.test(`finds ${what}, and nothing else`, async t => {
    const { checks } = await run(await boot(t.testdir(), behaviour))
    const failed = checks.filter(({ status }) => status !== 'passed')
    t.strictSame(failed.map(({ name }) => name), [check])
    t.match(failed[0]?.detail, detail)
  })
}

t.test('ends with the interruption, not with a failed check', async t => {
  const prepared = await boot(t.testdir(), { console: 'booting\n' })
  setTimeout(() => prepared.abort.abort(), 200)
  const { run: played } = prepared.played
  const context = { ...prepared.context, run: (command: Parameters<typeof played>[0], options = {}) => played(command, { ...options, signal: prepared.abort.signal }) }
  const error = await failureOf(bootAndCheck(prepared.request, context))
  t.equal(error.code, 'interrupted')
  t.equal(error.exitCode, 130)
})

t.test('an emulator that a signal ended is no finding about the artifact; with KVM, alive or ended well, it is none', async t => {
  const failure = { file: 'qemu-system-x86_64', command: 'qemu-system-x86_64', lastLines: [] }
  const aborted = () => Promise.reject(toolSignal(failure, 'SIGABRT'))
  t.equal(await crashOf(aborted(), 'tcg'), '"qemu-system-x86_64" was ended by SIGABRT')
  const withKvm = aborted()
  withKvm.catch(() => {})
  t.equal(await crashOf(withKvm, 'kvm'), undefined)
  t.equal(await crashOf(Promise.reject(toolSignal(failure, 'SIGKILL')), 'tcg'), undefined, 'killed from outside')
  t.equal(await crashOf(new Promise(() => {}), 'tcg'), undefined)
  t.equal(await crashOf(Promise.resolve(), 'tcg'), undefined)
  t.equal(await crashOf(Promise.reject(toolFailed(failure, 1)), 'tcg'), undefined)
})

t.test("a guest whose kernel panicked is not waited for; in emulation it is booted again, three times in all", async t => {
  const console = 'EVC {"state":"booting"}\n[  298.915529] Kernel panic - not syncing: corrupted stack end detected inside scheduler\r\n'
  const prepared = await boot(t.testdir(), { console })
  const starts = () => prepared.played.lines.filter(line => line.startsWith('/guard ')).length
  t.match((await run(prepared)).checks.find(({ name }) => name === 'ready'), { status: 'failed', detail: /^The virtual machine does not boot: it shows "Kernel panic - not syncing: corrupted stack end/ })
  t.equal(starts(), 1, 'with KVM it is a finding')
  const emulated = { ...prepared.context, acceleration: { ...prepared.context.acceleration, kind: 'tcg' as const } }
  const { checks } = await run({ ...prepared, context: emulated })
  t.equal(starts(), 4)
  t.match(checks.find(({ name }) => name === 'boot 1')?.detail, /^the emulation by QEMU 10\.0\.2 failed: the guest's kernel panicked: corrupted stack end detected inside scheduler; /)
})

t.test('a nested machine that fails in emulation is tried again, with KVM it is a finding', async t => {
  const check = { target: 'kvm', boot: 'bios', name: 'virtual machine started with KVM in the guest', status: 'failed', detail: 'first\nsecond', durationMs: 1 } as const
  t.equal(nestedTrouble([check], 'tcg'), 'first')
  t.equal(nestedTrouble([check], 'kvm'), undefined)
  t.equal(nestedTrouble([{ ...check, status: 'passed' }], 'tcg'), undefined)
  t.equal(nestedTrouble([{ ...check, name: 'user rights' }], 'tcg'), undefined)
})
