/** What a command needs of this host: signals that end it, programs of its own, a kernel to try. */
import t from 'tap'
import { setTimeout as sleep } from 'node:timers/promises'
import { join } from 'node:path'
import { hostKernel, openHost } from '../../pipeline/run/host.js'
import { guardPath } from '../../pipeline/run/lease.js'

const env = { PATH: process.env['PATH'] }

for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  t.test(`${name} ends what runs, with the exit code of an interruption`, async t => {
    const host = openHost({ env })
    t.teardown(host.close)
    const running = t.rejects(host.run(['sleep', '60']), { code: 'interrupted', exitCode: 130, message: 'Interrupted.' })
    t.equal(host.signal.aborted, false)
    process.emit(name)
    await running
    t.match(host.signal.reason, { code: 'interrupted' })
    await t.rejects(host.run(['true']), { code: 'interrupted' }, 'nothing begins any more')
  })
}

t.test('one key press that comes twice is one signal; another one leaves at once', async t => {
  const host = openHost({ env })
  t.teardown(host.close)
  const codes: unknown[] = []
  const { exit } = process
  t.teardown(() => (process.exit = exit))
  process.exit = ((code: unknown) => codes.push(code)) as typeof process.exit
  process.emit('SIGINT')
  process.emit('SIGINT')
  t.strictSame(codes, [])
  await sleep(350)
  process.emit('SIGINT')
  t.strictSame(codes, [130])
})

t.test('takes its signal handlers off again', async t => {
  const count = () => ['SIGINT', 'SIGTERM', 'SIGHUP'].map(name => process.listenerCount(name))
  const before = count()
  const host = openHost({ env })
  t.strictSame(count(), before.map(number => number + 1))
  host.close()
  t.strictSame(count(), before)
})

t.test('without a state folder programs run as they are; with one, QEMU goes by the guard', async t => {
  const plain = openHost({ env })
  t.teardown(plain.close)
  t.equal(plain.qemuBinary, 'qemu-system-x86_64')
  t.strictSame(plain.guardEnvironment('install'), {})
  t.equal((await plain.run(['echo', 'a'])).stdout, 'a\n')
  const state = t.testdir({})
  const guarded = openHost({ env }, state)
  t.teardown(guarded.close)
  t.equal(guarded.qemuBinary, guardPath)
  t.match(guarded.guardEnvironment('install'), { PIPELINE_LABEL: 'install', PIPELINE_LEASES: join(state, 'leases') })
})

t.test('takes the kernel that was fetched, else the newest of this host that can be read', async t => {
  const boot = { 'vmlinuz-6.1.0-9-amd64': '', 'vmlinuz-6.1.0-10-amd64': '', 'initrd.img-6.1.0-11-amd64': '', 'vmlinuz.old': '' }
  const directory = t.testdir({ boot, fetched: { probe: { vmlinuz: '' } }, empty: {} })
  const kernel = (state: string, folder: string) => hostKernel(join(directory, state), join(directory, folder))
  t.equal(await kernel('fetched', 'boot'), join(directory, 'fetched/probe/vmlinuz'))
  t.equal(await kernel('empty', 'boot'), join(directory, 'boot/vmlinuz-6.1.0-10-amd64'))
  t.equal(await kernel('empty', 'empty'), undefined)
  t.equal(await kernel('empty', 'none'), undefined)
})
