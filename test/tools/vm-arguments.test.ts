/** vm-arguments: CPU model, threads and the form Packer wants. */
import t from 'tap'
import { packerPairs, runsThreaded, vmArguments } from '../../pipeline/tools/vm-arguments.js'
import type { Acceleration } from '../../pipeline/tools/acceleration.js'

const tcg = (qemuVersion: string): Acceleration => ({ kind: 'tcg', reason: 'x', qemuVersion, timeoutFactor: 6 })
const size = { cpus: 2, memoryMib: 2048 }

t.test('uses the host\'s CPU and all cores with KVM', async t => {
  const kvm: Acceleration = { kind: 'kvm', reason: 'x', qemuVersion: '7.2.0', timeoutFactor: 1 }
  t.strictSame(vmArguments(kvm, { ...size, machine: 'pc' }), [
    '-machine', 'pc', '-accel', 'kvm', '-cpu', 'host', '-smp', '2', '-m', '2048',
  ])
})

t.test('emulates an EPYC with threads in QEMU 10', async t => {
  t.strictSame(vmArguments(tcg('10.0.2'), size), [
    '-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'EPYC', '-smp', '2', '-m', '2048',
  ])
})

t.test('emulates one core in one thread in an older QEMU, whose threads make kernels panic', async t => {
  t.strictSame(vmArguments(tcg('7.2.19'), size), [
    '-machine', 'q35', '-accel', 'tcg,thread=single', '-cpu', 'EPYC', '-smp', '1', '-m', '2048',
  ])
})

t.test('reads a version with Debian\'s epoch', async t => {
  t.equal(runsThreaded({ kind: 'tcg', qemuVersion: '1:10.0.2+ds-2' }), true)
  t.equal(runsThreaded({ kind: 'tcg', qemuVersion: '1:9.2.0+ds-1' }), false)
})

t.test('takes one thread where that is asked for, in emulation only', async t => {
  t.equal(runsThreaded({ kind: 'tcg', qemuVersion: '10.0.2', oneThread: true }), false)
  t.equal(runsThreaded({ kind: 'kvm', qemuVersion: '10.0.2', oneThread: true }), true)
})

t.test('splits arguments into the pairs Packer wants', async t => {
  t.strictSame(packerPairs(['-accel', 'kvm', '-no-reboot', '-m', '512']), [['-accel', 'kvm'], ['-no-reboot'], ['-m', '512']])
})
