/** probe: what counts as working KVM, and what is said when it does not work. */
import t from 'tap'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { interrupted, toolTimeout } from '../../pipeline/errors/tools.js'
import { deviceTrouble, probeAcceleration } from '../../pipeline/tools/probe.js'
import { fakeRun } from '../fixtures/fake-run.js'

const version = { on: 'qemu-system-x86_64 --version', stdout: 'QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)\n' }
const panic = '[ 1.9] Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)\n'
const timeout = toolTimeout({ file: 'qemu', command: 'qemu', lastLines: [] }, 10)

/** A file stands in for the device: it opens, which is all the first look asks for. */
function device(directory: string): string {
  const path = join(directory, 'kvm')
  writeFileSync(path, '')
  return path
}

t.test('calls KVM working when a kernel got as far as looking for its root', async t => {
  const fake = fakeRun([version, { on: /-accel kvm -cpu host .*-kernel \/k /, stdout: panic }])
  const found = await probeAcceleration({ run: fake.run, requested: 'auto', kernel: '/k', device: device(t.testdir()) })
  t.strictSame(found, { kind: 'kvm', reason: 'a kernel booted with KVM', qemuVersion: '10.0.2', timeoutFactor: 1 })
  t.match(fake.lines()[1], /-no-reboot .*-append 'console=ttyS0 earlyprintk=ttyS0 panic=-1'$/)
})

t.test('goes on in emulation when the kernel stays silent after its first line', async t => {
  const said = 'Probing EDD (edd=off to disable)... ok\n'
  // As the real Run: lines first, then the error.
  const run = fakeRun([version, { on: /-accel kvm/, effect: (_, options) => {
    options.onLine?.(said)
    throw timeout
  } }]).run
  const found = await probeAcceleration({ run, requested: 'auto', kernel: '/k', device: device(t.testdir()) })
  t.equal(found.kind, 'tcg')
  t.equal(found.reason, '/dev/kvm opens, but a kernel started with it got no further than "Probing EDD (edd=off to disable)... ok"')
  t.equal(found.timeoutFactor, 6)
})

t.test('gives an old QEMU, which emulates in one thread, more time', async t => {
  const run = fakeRun([{ ...version, stdout: 'QEMU emulator version 7.2.19 (Debian 1:7.2+dfsg)' }]).run
  const found = await probeAcceleration({ run, requested: 'tcg', device: '/nowhere' })
  t.strictSame(found, { kind: 'tcg', reason: '--accel tcg was given', qemuVersion: '7.2.19', timeoutFactor: 10 })
})

t.test('refuses --accel kvm where KVM does not run a kernel, and says what to fix', async t => {
  const run = fakeRun([version, { on: /-accel kvm/, error: timeout }]).run
  const error = await failure(probeAcceleration({ run, requested: 'kvm', kernel: '/k', device: device(t.testdir()) }))
  t.equal(error.code, 'kvm-unusable')
  t.equal(error.exitCode, 3)
  t.equal(error.message, 'KVM does not work on this host: /dev/kvm opens, but a kernel started with it printed nothing.')
  t.equal(error.hint, 'Fix it, or go on in emulation with --accel tcg.')
  t.match(error.details.join('\n'), /nested virtualisation is off or broken/)
})

t.test('names the missing device and the module to load', async t => {
  const error = await failure(probeAcceleration({ run: fakeRun([version]).run, requested: 'kvm', device: '/nowhere/kvm' }))
  t.equal(error.message, 'KVM does not work on this host: /nowhere/kvm cannot be opened (ENOENT).')
  t.match(error.details[0], /modprobe kvm_intel/)
})

t.test('names the group to join for a device that may not be opened', async t => {
  const { reason, fixes } = deviceTrouble('/dev/kvm', 'EACCES')
  t.equal(reason, '/dev/kvm may not be opened (EACCES)')
  t.match(fixes[0], /usermod -aG kvm/)
})

t.test('is content with an open device as long as no kernel is known', async t => {
  const found = await probeAcceleration({ run: fakeRun([version]).run, requested: 'auto', device: device(t.testdir()) })
  t.equal(found.kind, 'kvm')
  t.equal(found.reason, '/dev/kvm opens (no kernel was booted yet)')
})

t.test('does not take an interruption for missing KVM', async t => {
  const run = fakeRun([version, { on: /-accel kvm/, error: interrupted() }]).run
  const error = await failure(probeAcceleration({ run, requested: 'auto', kernel: '/k', device: device(t.testdir()) }))
  t.equal(error.code, 'interrupted')
})

t.test('refuses a QEMU whose version it cannot read', async t => {
  const run = fakeRun([{ ...version, stdout: 'hello\n' }]).run
  const error = await failure(probeAcceleration({ run, requested: 'tcg' }))
  t.equal(error.message, 'Could not read QEMU\'s version from "hello".')
  t.equal(error.hint, 'Look at it: qemu-system-x86_64 --version')
})

async function failure(promise: Promise<unknown>): Promise<PipelineError> {
  return promise.then(
    () => { throw new Error('nothing failed') },
    error => {
      if (error instanceof PipelineError) return error
      throw error
    }
  )
}
