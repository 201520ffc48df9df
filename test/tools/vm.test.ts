/** vm: connects to a VM's sockets, gives its ports, and is sure to end it. */
import t from 'tap'
import { createConnection } from 'node:net'
import type { Socket } from 'node:net'
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { interrupted, toolFailed } from '../../pipeline/errors/tools.js'
import type { Command, Run } from '../../pipeline/tools/command.js'
import { diskVmCommand } from '../../pipeline/tools/qemu.js'
import type { DiskVm, VmWires } from '../../pipeline/tools/qemu.js'
import { startVm } from '../../pipeline/tools/vm.js'
import { failureOf } from '../fixtures/failure.js'

const machine: Omit<DiskVm, keyof VmWires> = {
  qemuBinary: 'qemu',
  acceleration: { kind: 'kvm', reason: 'x', qemuVersion: '10.0.2', timeoutFactor: 1 },
  cpus: 1,
  memoryMib: 512,
  machine: 'q35',
  firmware: { kind: 'bios' },
  disk: { path: '/d', format: 'raw', device: 'virtio-blk-pci' },
  networkDevice: 'virtio-net-pci',
}

const settings = (run: Run, directory: string) => ({
  run,
  command: (wires: VmWires) => diskVmCommand({ ...machine, ...wires }),
  guestPorts: [22, 8443],
  serialLog: join(directory, 'serial.log'),
  qemuLog: join(directory, 'qemu.log'),
} as const)

/** A Run that behaves as QEMU: connects to both sockets and ends when told to quit, unless it is deaf. */
function playedQemu(deaf = false): { run: Run; command: () => Command } {
  let seen: Command = ['none']
  const run: Run = async (command, options = {}) => {
    seen = command
    const path = (id: string) => command.find(word => word.startsWith(`socket,id=${id}`))?.split('path=')[1] ?? ''
    const [serial, monitor] = ['serial', 'monitor'].map(id => createConnection(path(id))) as [Socket, Socket]
    serial.write('hello from the guest\n')
    await new Promise<void>((resolve, reject) => {
      monitor.on('data', data => void (!deaf && /"quit"/.test(String(data)) && resolve()))
      options.signal?.addEventListener('abort', () => reject(interrupted()))
    }).finally(() => [serial, monitor].forEach(socket => socket.destroy()))
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  return { run, command: () => seen }
}

t.test('connects, hears the console from its first byte, and quits through the monitor', async t => {
  const qemu = playedQemu()
  const vm = await startVm(settings(qemu.run, t.testdir()))
  await vm.serial.waitFor(/hello from the guest/, { timeoutMs: 2000, what: 'a greeting' })
  const forwards = qemu.command().find(word => word.startsWith('user,'))
  t.equal(forwards, `user,id=net,hostfwd=tcp:127.0.0.1:${vm.port(22)}-:22,hostfwd=tcp:127.0.0.1:${vm.port(8443)}-:8443`)
  t.not(vm.port(22), vm.port(8443))
  t.throws(() => vm.port(80), new TypeError('port 80 of the guest was not asked for'))
  const socket = qemu.command().find(word => word.startsWith('socket,id=serial'))?.split('path=')[1] ?? ''
  await vm.stop()
  await vm.ended
  t.equal(existsSync(dirname(socket)), false, 'its sockets are gone')
})

t.test('ends a VM that does not listen any more', async t => {
  const vm = await startVm(settings(playedQemu(true).run, t.testdir()))
  await vm.stop()
  t.equal((await failureOf(vm.ended)).code, 'interrupted')
})

t.test('passes on why QEMU did not start', async t => {
  const failure = toolFailed({ file: 'qemu', command: 'qemu', lastLines: ['no such disk'] }, 1)
  const error = await failureOf(startVm(settings(async () => { throw failure }, t.testdir())))
  t.equal(error, failure)
})
