/**
 * Reads /proc: a process is named by pid and start time, so that a recycled pid is never taken for it. Where there is no
 * /proc (macOS, for `fetch` alone) a process is its pid, and kill(2) tells whether it lives.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs'

export interface ProcessStat {
  readonly pid: number
  /** One letter; Z and X are dead. */
  readonly state: string
  readonly group: number
  /** Clock ticks since boot, field 22 of /proc/<pid>/stat. */
  readonly startTime: string
}

/** The process, or undefined when there is none (any more). */
export function readProcess(pid: number): ProcessStat | undefined {
  let text
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  } catch {
    return undefined
  }
  // The second field is the program's name in parentheses and may itself hold spaces and parentheses.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  const [state, , group] = fields
  const startTime = fields[19]
  if (state === undefined || group === undefined || startTime === undefined) return undefined
  return { pid, state, group: Number(group), startTime }
}

/** What `isRunning` takes for this process later on. */
export function ownStartTime(): string {
  return readProcess(process.pid)?.startTime ?? unknownStartTime
}

/** True while exactly this process runs: same pid, same start time, not a zombie. Without /proc: same pid. */
export function isRunning(pid: number, startTime: string): boolean {
  if (!hasProc()) return startTime === unknownStartTime && answers(pid)
  const found = readProcess(pid)
  return found !== undefined && found.startTime === startTime && !isDead(found)
}

/** Changes at every boot, so that a pid and start time written down before a reboot never match. Without /proc always the same. */
export function readBootId(): string {
  return hasProc() ? readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() : unknownBootId
}

const unknownBootId = '00000000-0000-0000-0000-000000000000'
const unknownStartTime = '0'

function hasProc(): boolean {
  return existsSync('/proc/self/stat')
}

function answers(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Another user's.
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}

/** True while a process group has a member that is not a zombie. */
export function groupIsRunning(group: number): boolean {
  // Zombies count as members for kill(2), and stay for ever where pid 1 does not reap; so look closer.
  if (!sendToGroup(group, 0)) return false
  if (!hasProc()) return true
  return readdirSync('/proc').some(name => {
    if (!/^\d+$/.test(name)) return false
    const found = readProcess(Number(name))
    return found !== undefined && found.group === group && !isDead(found)
  })
}

/** Sends a signal to every member of a process group; false when there is none. */
export function sendToGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  // 0 and 1 would mean our own group and everybody.
  if (group <= 1) throw new RangeError(`not a process group of ours: ${group}`)
  try {
    process.kill(-group, signal)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // EPERM: what macOS says of a group that has only zombies left. Groups of ours have no other user's processes.
    if (code === 'ESRCH' || (code === 'EPERM' && !hasProc())) return false
    throw error
  }
}

const pollMs = 25
const afterKillMs = 2000

/** Ends a whole process group: SIGTERM, and after `graceMs` SIGKILL. Resolves when no member runs. */
export async function endGroup(group: number, graceMs: number): Promise<void> {
  if (!groupIsRunning(group)) return
  sendToGroup(group, 'SIGTERM')
  if (await groupEnds(group, graceMs)) return
  sendToGroup(group, 'SIGKILL')
  // Bounded: a process in uninterruptible sleep (a hung disk) cannot be ended by anyone.
  await groupEnds(group, afterKillMs)
}

async function groupEnds(group: number, withinMs: number): Promise<boolean> {
  const deadline = Date.now() + withinMs
  while (groupIsRunning(group)) {
    if (Date.now() >= deadline) return false
    await new Promise(resolve => setTimeout(resolve, pollMs))
  }
  return true
}

function isDead(stat: ProcessStat): boolean {
  return stat.state === 'Z' || stat.state === 'X'
}
