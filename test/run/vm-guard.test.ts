/** The guard of virtual machines with real processes; `sleep` stands in for QEMU. */
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { guardPath } from '../../pipeline/run/lease.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { isRunning, readBootId, readProcess } from '../../pipeline/tools/process.js'

const run = createRun({ signal: new AbortController().signal, parentEnv: process.env })

interface Guarded {
  readonly leases: string
  readonly owner: ChildProcess
  readonly ownerName: string
  /** Stands for Packer: starts the guard and waits. */
  readonly parent: ChildProcess
  readonly vm: number
  readonly vmStart: string
}

/** A guarded VM whose owner and parent are processes of their own; all are gone after the test. */
async function startGuarded(t: Test): Promise<Guarded> {
  const leases = join(t.testdir({}), 'leases')
  const owner = spawn('sleep', ['300'], { stdio: 'ignore' })
  t.teardown(() => owner.kill('SIGKILL'))
  const ownerName = `${owner.pid}:${startOf(owner.pid)}`
  // Descriptors that a caller forgot to close: a watchdog must not hold them open.
  const caller = 'exec 9</etc/passwd 77</etc/passwd; "$@" & echo $!; wait'
  const parent = spawn('bash', ['-c', caller, 'bash', guardPath, '300'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { PATH: process.env['PATH'], ...environment(leases, ownerName) },
  })
  t.teardown(() => parent.kill('SIGKILL'))
  const vm = await new Promise<number>(resolve => parent.stdout.once('data', text => resolve(Number(text))))
  t.teardown(() => isRunning(vm, vmStart) && process.kill(vm, 'SIGKILL'))
  const vmStart = startOf(vm)
  const commandLine = ['sleep', '300', ''].join('\0')
  t.ok(await within(5000, () => readFileSync(`/proc/${vm}/cmdline`, 'utf8').endsWith(commandLine)), 'became QEMU')
  return { leases, owner, ownerName, parent, vm, vmStart }
}

function environment(leases: string, owner: string) {
  return { PIPELINE_QEMU: 'sleep', PIPELINE_LEASES: leases, PIPELINE_OWNER: owner, PIPELINE_LABEL: 'install' }
}

function startOf(pid: number | undefined): string {
  const found = readProcess(pid ?? 0)
  if (!found) throw new Error(`no process ${pid}`)
  return found.startTime
}

async function within(milliseconds: number, holds: () => boolean): Promise<boolean> {
  const deadline = Date.now() + milliseconds
  while (!holds()) {
    if (Date.now() >= deadline) return false
    await sleep(50)
  }
  return true
}

function watchdogsOf(vm: number): number[] {
  return readdirSync('/proc').map(Number).filter(pid => {
    if (!pid || !readProcess(pid)) return false
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0watch-vm\0${vm}\0`)
    } catch {
      return false
    }
  })
}

t.test('the VM (sleep stands in for QEMU) has a lease that names it, with the pid and start time of the guard', async t => {
  const { leases, ownerName, vm, vmStart } = await startGuarded(t)
  t.equal(startOf(vm), vmStart)
  t.same(readdirSync(leases), [String(vm)])
  const lines = [`pid=${vm}`, `start=${vmStart}`, `boot=${readBootId()}`, `owner=${ownerName}`, 'label=install', '']
  t.equal(readFileSync(join(leases, String(vm)), 'utf8'), lines.join('\n'))
})

t.test('the watchdog has a session of its own and nothing open of its callers', async t => {
  const { vm } = await startGuarded(t)
  const [watchdog = 0, ...more] = watchdogsOf(vm)
  t.same(more, [])
  t.equal(readProcess(watchdog)?.group, watchdog)
  const folder = `/proc/${watchdog}/fd`
  const open = readdirSync(folder).map(name => readlinkSync(join(folder, name)))
  t.same(open.filter(path => path !== '/dev/null'), [guardPath])
  t.equal(readlinkSync(`/proc/${watchdog}/cwd`), '/')
})

t.test('owner killed -9: the VM (sleep stands in for QEMU) is dead within 5 s, and its lease and watchdog gone', async t => {
  const { leases, owner, vm, vmStart } = await startGuarded(t)
  await sleep(1500)
  t.ok(isRunning(vm, vmStart), 'runs while its owner does')
  t.equal(watchdogsOf(vm).length, 1)
  owner.kill('SIGKILL')
  t.ok(await within(5000, () => !isRunning(vm, vmStart)), 'ended')
  t.ok(await within(3000, () => readdirSync(leases).length === 0 && watchdogsOf(vm).length === 0), 'cleaned up')
})

t.test('parent (Packer) killed -9: the VM (sleep stands in for QEMU) is dead within 5 s, its owner untouched', async t => {
  const { leases, owner, ownerName, parent, vm, vmStart } = await startGuarded(t)
  parent.kill('SIGKILL')
  t.ok(await within(5000, () => !isRunning(vm, vmStart)), 'ended')
  t.ok(await within(3000, () => readdirSync(leases).length === 0), 'lease removed')
  t.ok(isRunning(owner.pid ?? 0, ownerName.split(':')[1] ?? ''))
})

t.test('a VM (sleep stands in for QEMU) that ends by itself leaves neither lease nor watchdog', async t => {
  const { leases, vm } = await startGuarded(t)
  process.kill(vm, 'SIGTERM')
  t.ok(await within(3000, () => readdirSync(leases).length === 0 && watchdogsOf(vm).length === 0))
})

t.test('a program name with blanks, parentheses and a line break is read right (sleep stands in for QEMU)', async t => {
  const folder = t.testdir({ bin: {} })
  const program = join(folder, 'bin', 'q) Z 1\n(x) S')
  symlinkSync('/usr/bin/sleep', program)
  // The name of the running program is that of the link, so the watchdog reads it every second.
  const leases = join(folder, 'leases')
  const own = `${process.pid}:${startOf(process.pid)}`
  const vm = spawn(guardPath, ['300'], { stdio: 'ignore', env: { PATH: process.env['PATH'], ...environment(leases, own), PIPELINE_QEMU: program } })
  t.teardown(() => vm.kill('SIGKILL'))
  const pid = vm.pid ?? 0
  t.ok(await within(5000, () => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'q) Z 1\n(x) S\n'), 'bears the name')
  await sleep(2500)
  t.ok(isRunning(pid, startOf(pid)), 'not taken for dead')
  t.ok(existsSync(join(leases, String(pid))), 'lease kept')
  t.equal(watchdogsOf(pid).length, 1)
})

t.test('asks for version and help go straight to QEMU, without a lease', async t => {
  const leases = join(t.testdir({ qemu: '' }), 'leases')
  const env = { ...environment(leases, 'nobody:0'), PIPELINE_QEMU: 'echo' }
  for (const word of ['-version', '--version', '-help']) {
    const { stdout } = await run([guardPath, word], { env })
    // The echo of the shell's PATH knows --version itself.
    t.ok(word === '--version' ? stdout.startsWith('echo (GNU coreutils)') : stdout === `${word}\n`, word)
  }
  t.notOk(existsSync(leases))
})

t.test('starts nothing when it cannot guard', async t => {
  const folder = t.testdir({ file: '', bin: {} })
  const own = `${process.pid}:${startOf(process.pid)}`
  const started = join(folder, 'started')
  const refusal = async (env: Record<string, string>) => {
    const given = { ...environment(join(folder, 'leases'), own), PIPELINE_QEMU: 'touch', ...env }
    const { stderr, exitCode } = await run([guardPath, started], { env: given, okCodes: [1] })
    t.equal(exitCode, 1)
    t.notOk(existsSync(started), 'QEMU not started')
    return stderr
  }
  t.equal(
    await refusal({ PIPELINE_OWNER: '' }),
    'vm-guard.sh: PIPELINE_OWNER is not set: only the pipeline can start VMs with this program\n'
  )
  t.equal(await refusal({ PIPELINE_OWNER: `${process.pid}:1` }), 'vm-guard.sh: the pipeline has ended; no VM started\n')
  const leases = join(folder, 'file')
  t.match(
    await refusal({ PIPELINE_LEASES: leases }),
    new RegExp(`vm-guard.sh: cannot write the lease ${leases}/\\d+; no VM started\n$`)
  )
  const bin = join(folder, 'bin')
  for (const name of ['sh', 'mkdir', 'mv', 'rm', 'touch']) symlinkSync(`/usr/bin/${name}`, join(bin, name))
  writeFileSync(join(bin, 'setsid'), '#!/bin/sh\nexit 1\n', { mode: 0o755 })
  mkdirSync(join(folder, 'leases'), { recursive: true })
  t.equal(
    await refusal({ PATH: bin }),
    'vm-guard.sh: cannot start its watchdog (is setsid, of package util-linux, installed?); no VM started\n'
  )
  t.same(readdirSync(join(folder, 'leases')), [])
})
