/** Leases with real processes: what a killed build leaves is ended, and nothing else. */
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import type { Test } from 'tap'
import { openHost } from '../../pipeline/run/host.js'
import { guardGroups, guardPath, ownerName, reapLeases } from '../../pipeline/run/lease.js'
import { PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { groupIsRunning, isRunning, readBootId, readProcess, sendToGroup } from '../../pipeline/tools/process.js'

/** No process can have this name: pid 1 with a start time it does not have. */
const deadOwner = '1:999999999999'

function startOf(pid: number): string {
  const found = readProcess(pid)
  if (!found) throw new Error(`no process ${pid}`)
  return found.startTime
}

/** A process group of its own that is gone after the test. */
function startGroup(t: Test, ...command: [string, ...string[]]): { pid: number; start: string } {
  const [file, ...args] = command
  const child = spawn(file, args, { detached: true, stdio: 'ignore' })
  const pid = child.pid ?? 0
  t.teardown(() => sendToGroup(pid, 'SIGKILL'))
  return { pid, start: startOf(pid) }
}

interface LeaseWords {
  readonly pid: number
  readonly start: string
  readonly boot?: string
  readonly owner?: string
  readonly label?: string
}

function leaseText({ pid, start, boot = readBootId(), owner = deadOwner, label = 'install' }: LeaseWords): string {
  return `pid=${pid}\nstart=${start}\nboot=${boot}\nowner=${owner}\nlabel=${label}\n`
}

async function reaped(leases: string): Promise<string[]> {
  const lines: string[] = []
  await reapLeases(leases, line => lines.push(line))
  return lines
}

async function within(milliseconds: number, holds: () => boolean): Promise<boolean> {
  const deadline = Date.now() + milliseconds
  while (!holds()) {
    if (Date.now() >= deadline) return false
    await sleep(50)
  }
  return true
}

function findProcess(...words: string[]): number | undefined {
  return readdirSync('/proc').map(Number).find(pid => {
    try {
      return pid > 0 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(`\0${words.join('\0')}\0`)
    } catch {
      return false
    }
  })
}

t.test('watchdog killed -9 and then the owner: reapLeases ends the VM (sleep stands in for QEMU)', async t => {
  const leases = join(t.testdir({}), 'leases')
  const owner = startGroup(t, 'sleep', '300')
  const env = {
    PATH: process.env['PATH'], PIPELINE_QEMU: 'sleep', PIPELINE_LEASES: leases, PIPELINE_LABEL: 'install',
    PIPELINE_OWNER: `${owner.pid}:${owner.start}`,
  }
  const child = spawn(guardPath, ['300'], { stdio: 'ignore', env })
  const vm = child.pid ?? 0
  t.teardown(() => child.kill('SIGKILL'))
  const start = startOf(vm)
  t.ok(await within(5000, () => readFileSync(`/proc/${vm}/comm`, 'utf8') === 'sleep\n'), 'became QEMU')
  const watchdog = findProcess('watch-vm', String(vm))
  if (watchdog === undefined) throw new Error('no watchdog')
  process.kill(watchdog, 'SIGKILL')
  t.same(await reaped(leases), [], 'nothing to do while the owner lives')
  process.kill(owner.pid, 'SIGKILL')
  await sleep(2500)
  t.ok(isRunning(vm, start), 'nobody is left to end it')
  t.same(await reaped(leases), [`Ended the virtual machine of install (pid ${vm}), left by a build that was killed.`])
  t.notOk(isRunning(vm, start))
  t.same(readdirSync(leases), [])
})

t.test('kills nothing whose start time or boot is not the one of the lease', async t => {
  const { pid, start } = startGroup(t, 'sleep', '300')
  const other = String(Number(start) - 1)
  const otherBoot = '00000000-0000-4000-8000-000000000000'
  for (const words of [{ pid, start: other }, { pid, start, boot: otherBoot }]) {
    const leases = t.testdir({ [pid]: leaseText(words), [`group-${pid}`]: leaseText({ ...words, label: 'packer' }) })
    t.same(await reaped(leases), [
      `Removed the lease of the virtual machine of install (pid ${pid}), which has ended.`,
      `Removed the lease of packer (process group ${pid}), which has ended.`,
    ])
    t.ok(isRunning(pid, start), 'still runs')
    t.same(readdirSync(leases), [])
  }
})

t.test('ends a whole process group of a dead owner', async t => {
  const folder = t.testdir({})
  const file = join(folder, 'child')
  const { pid, start } = startGroup(t, 'sh', '-c', 'trap "" TERM; sleep 300 & echo $! >"$0"; wait; wait', file)
  t.ok(await within(5000, () => existsSync(file) && readFileSync(file, 'utf8').endsWith('\n')))
  const leases = join(folder, 'leases')
  mkdirSync(leases)
  writeFileSync(join(leases, `group-${pid}`), leaseText({ pid, start, label: 'mmdebstrap' }))
  t.same(await reaped(leases), [`Ended mmdebstrap (process group ${pid}), left by a build that was killed.`])
  t.notOk(groupIsRunning(pid))
  t.same(readdirSync(leases), [])
})

t.test('leaves leases of living owners and other files alone, and removes what cannot be read', async t => {
  const { pid, start } = startGroup(t, 'sleep', '300')
  const leases = t.testdir({
    [pid]: leaseText({ pid, start, owner: ownerName() }),
    [`group-${pid}`]: leaseText({ pid, start, owner: ownerName() }),
    'notes.txt': 'not ours',
    '123': 'pid=0\nstart=1\nboot=x\nowner=1:1\n',
    [`.${2 ** 22 + 1}.tmp`]: 'half',
    [`.group-${pid}.tmp`]: 'being written',
  })
  t.same(await reaped(leases), [`Removed the lease ${join(leases, '123')}: it cannot be read.`])
  t.same(readdirSync(leases).sort(), [String(pid), `group-${pid}`, 'notes.txt', `.group-${pid}.tmp`].sort())
  t.ok(isRunning(pid, start))
  t.same(await reaped(join(leases, 'nowhere')), [])
})

t.test('every child has a lease while it runs', async t => {
  const state = t.testdir({})
  const host = openHost({ env: process.env }, state)
  t.teardown(host.close)
  const leases = join(state, 'leases')
  const { stdout } = await host.run(['sh', '-c', 'sleep 0.2; cd "$0"; for f in group-*; do echo "$f"; cat "$f"; done; echo $$', leases])
  const lines = stdout.trimEnd().split('\n')
  const pid = lines.at(-1)
  const start = /^start=(\d+)$/m.exec(stdout)?.[1]
  t.same(lines.slice(0, -1), [
    `group-${pid}`, `pid=${pid}`, `start=${start}`, `boot=${readBootId()}`, `owner=${ownerName()}`, 'label=sh',
  ])
  t.same(readdirSync(leases), [])
  t.equal(host.qemuBinary, guardPath)
  t.same(host.guardEnvironment('install'), {
    PIPELINE_QEMU: 'qemu-system-x86_64', PIPELINE_LEASES: leases, PIPELINE_OWNER: ownerName(), PIPELINE_LABEL: 'install',
  })
})

t.test('without a state folder there are no leases', t => {
  const host = openHost({ env: process.env })
  host.close()
  t.equal(host.qemuBinary, 'qemu-system-x86_64')
  t.same(host.guardEnvironment('install'), {})
  t.end()
})

t.test('says what is wrong when the watchdog does not start', async t => {
  const error = new PipelineError({ code: 'tool-failed', message: 'It failed.', exitCode: 4, details: ['one', 'no setsid'] })
  await t.rejects(guardGroups(t.testdir({}), () => Promise.reject(error)), {
    code: 'guard-not-started',
    message: "Could not start the watchdog that ends a build's programs when the build is killed: no setsid.",
    hint: 'check that setsid (package util-linux) and a POSIX sh are installed',
    exitCode: 3,
  })
})

/** A pipeline process that runs one stubborn group; resolves with both pids once the group is up. */
async function startPipeline(t: Test, state: string) {
  const hostUrl = new URL('../../pipeline/run/host.ts', import.meta.url).href
  const program = `
    import { openHost } from ${JSON.stringify(hostUrl)}
    const host = openHost({ env: process.env }, process.argv[1])
    const onLine = line => console.log(line)
    const command = ['sh', '-c', 'trap "" TERM INT HUP; sleep 300 & echo $$; wait; wait']
    await host.run(command, { onLine }).catch(error => { console.log(error.code); process.exitCode = error.exitCode })
    host.close()
  `
  const args = [...process.execArgv, '--input-type=module', '--eval', program, state]
  const pipeline = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => pipeline.kill('SIGKILL'))
  let said = ''
  pipeline.stdout.on('data', text => (said += text))
  const exited = new Promise<number | null>(resolve => pipeline.once('exit', resolve))
  t.ok(await within(20_000, () => said.endsWith('\n')), 'the group is up')
  const group = Number(said)
  t.teardown(() => sendToGroup(group, 'SIGKILL'))
  return { pipeline, group, exited }
}

t.test('pipeline killed -9: its process groups are dead within 5 s, and their leases gone', async t => {
  const state = t.testdir({})
  const { pipeline, group } = await startPipeline(t, state)
  t.same(readdirSync(join(state, 'leases')), [`group-${group}`])
  const watched = ['watch-groups', `${pipeline.pid}:${startOf(pipeline.pid ?? 0)}`]
  t.ok(findProcess(...watched), 'watched')
  await sleep(1500)
  t.ok(groupIsRunning(group), 'runs while the pipeline does')
  pipeline.kill('SIGKILL')
  t.ok(await within(5000, () => !groupIsRunning(group)), 'ended')
  t.ok(await within(3000, () => readdirSync(join(state, 'leases')).length === 0), 'lease removed')
  t.ok(await within(3000, () => findProcess(...watched) === undefined), 'watchdog gone')
})

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  t.test(`the second ${signal} kills at once what does not react to the first`, async t => {
    const { pipeline, group, exited } = await startPipeline(t, t.testdir({}))
    pipeline.kill(signal)
    // One key press may come twice.
    await sleep(50)
    pipeline.kill(signal)
    await sleep(1000)
    t.ok(groupIsRunning(group), 'the first gives it time')
    pipeline.kill(signal)
    t.equal(await exited, 130)
    t.ok(await within(1000, () => !groupIsRunning(group)), 'ended')
  })
}
