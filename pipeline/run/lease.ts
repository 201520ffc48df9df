/** Leases: which VMs and process groups a build has started, so that a killed build leaves none of them running. */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { PipelineError } from '../errors/pipeline-error.js'
import { guardNotStarted, storeNotWritable } from '../errors/run.js'
import type { Run } from '../tools/command.js'
import type { RunSettings } from '../tools/exec.js'
import { endGroup, groupIsRunning, isRunning, readBootId, readProcess } from '../tools/process.js'

/** Takes QEMU's place: writes a VM's lease, starts its watchdog and becomes QEMU. Absolute. */
export const guardPath = fileURLToPath(new URL('./vm-guard.sh', import.meta.url))

/** This process, as leases name their owner: `pid:starttime`. */
export function ownerName(): string {
  return `${process.pid}:${readProcess(process.pid)?.startTime ?? ''}`
}

/** What the guard needs to know; `label` says in the lease what the VM is for. */
export function guardEnvironment(directory: string, label: string): Readonly<Record<string, string>> {
  return {
    PIPELINE_QEMU: 'qemu-system-x86_64',
    PIPELINE_LEASES: directory,
    PIPELINE_OWNER: ownerName(),
    PIPELINE_LABEL: label,
  }
}

/**
 * Starts the watchdog that kills every group with a lease once this process is gone; it ends with it.
 * Errors: `guard-not-started` (exit 3), `store-not-writable` (exit 3), `interrupted` (exit 130).
 */
export async function guardGroups(directory: string, run: Run): Promise<void> {
  try {
    mkdirSync(directory, { recursive: true })
  } catch (error) {
    throw storeNotWritable(directory, (error as Error).message)
  }
  try {
    await run([guardPath, 'guard-groups', ownerName(), directory])
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code === 'interrupted') throw error
    throw guardNotStarted(error.details.at(-1) ?? error.message)
  }
}

/** The onSpawn hook of createRun: a lease for each process group, until it is gone. */
export function leaseGroup(directory: string): NonNullable<RunSettings['onSpawn']> {
  const [owner, boot] = [ownerName(), readBootId()]
  return ({ pid, command }) => {
    const leader = readProcess(pid)
    if (!leader) return
    const path = join(directory, `group-${pid}`)
    const label = basename(command.split(' ', 1)[0] ?? '')
    const content = { pid, start: leader.startTime, boot, owner, label }
    try {
      const temporary = join(directory, `.group-${pid}.tmp`)
      writeFileSync(temporary, Object.entries(content).map(([key, value]) => `${key}=${value}\n`).join(''))
      renameSync(temporary, path)
    } catch {
      // A full disk. The program runs already and ends with us all the same, except when we are killed.
    }
    return () => rmSync(path, { force: true })
  }
}

interface Lease {
  readonly kind: 'vm' | 'group'
  readonly pid: number
  readonly startTime: string
  readonly boot: string
  /** `pid:starttime` */
  readonly owner: string
  readonly label: string
}

/**
 * Ends what leases of dead owners still name, and removes these leases; `onLine` gets one line for each.
 * Leases of living owners, this process among them, stay untouched. A missing folder holds no leases.
 */
export async function reapLeases(directory: string, onLine: (line: string) => void): Promise<void> {
  for (const name of listNames(directory)) {
    const path = join(directory, name)
    if (isAbandonedTemporary(name)) rmSync(path, { force: true })
    if (!leaseName.test(name)) continue
    const lease = readLease(path)
    if (lease && isOwnerRunning(lease)) continue
    const { line, done } = lease ? await reap(lease) : { line: `Removed the lease ${path}: it cannot be read.`, done: true }
    if (done) rmSync(path, { force: true })
    onLine(line)
  }
}

const leaseName = /^(?<group>group-)?\d+$/
const temporaryName = /^\.(?:group-)?(?<pid>\d+)\.tmp$/

function listNames(directory: string): string[] {
  try {
    return readdirSync(directory).sort()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function isAbandonedTemporary(name: string): boolean {
  const pid = temporaryName.exec(name)?.groups?.['pid']
  return pid !== undefined && readProcess(Number(pid)) === undefined
}

function readLease(path: string): Lease | undefined {
  let text
  try {
    text = readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
  const value = (key: string) => new RegExp(`^${key}=(.+)$`, 'm').exec(text)?.[1] ?? ''
  const [pid, startTime, boot, owner, label] = [Number(value('pid')), value('start'), value('boot'), value('owner'), value('label')]
  // 0 and 1 would mean our own group and everybody.
  if (!Number.isInteger(pid) || pid <= 1 || !startTime || !boot || !/^\d+:\d+$/.test(owner)) return undefined
  return { kind: basename(path).startsWith('group-') ? 'group' : 'vm', pid, startTime, boot, owner, label }
}

function isOwnerRunning({ owner, boot }: Lease): boolean {
  const [pid = '', startTime = ''] = owner.split(':')
  return boot === readBootId() && isRunning(Number(pid), startTime)
}

async function reap(lease: Lease): Promise<{ line: string; done: boolean }> {
  const title = titleOf(lease)
  if (lease.boot !== readBootId() || !isLeft(lease)) {
    return { line: `Removed the lease of ${title}, which has ended.`, done: true }
  }
  const problem = await end(lease).catch((error: Error) => error.message)
  if (problem !== undefined) return { line: `Could not end ${title}, left by a build that was killed: ${problem}.`, done: false }
  return { line: `Ended ${title}, left by a build that was killed.`, done: true }
}

function titleOf({ kind, label, pid }: Lease): string {
  return kind === 'vm' ? `the virtual machine of ${label} (pid ${pid})` : `${label} (process group ${pid})`
}

/**
 * A group without its leader counts as gone: after the time between two runs its number may be another's, and
 * its members say nothing of whose they are.
 */
function isLeft({ kind, pid, startTime }: Lease): boolean {
  if (kind === 'vm') return isRunning(pid, startTime)
  return readProcess(pid)?.startTime === startTime && groupIsRunning(pid)
}

const graceMs = 2000
const afterKillMs = 5000
const pollMs = 25

/** The reason when it could not be ended. */
async function end(lease: Lease): Promise<string | undefined> {
  const deadline = Date.now() + afterKillMs
  if (lease.kind === 'group') await endGroup(lease.pid, graceMs)
  else process.kill(lease.pid, 'SIGKILL')
  while (isLeft(lease)) {
    if (Date.now() >= deadline) return 'it does not react to SIGKILL'
    await sleep(pollMs)
  }
  return undefined
}
