/** One build per store: a lock that a killed build leaves behind holds up nobody. */
import { mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { PipelineError } from '../errors/pipeline-error.js'
import { storeLocked, storeNotWritable } from '../errors/run.js'
import type { LockHolder } from '../errors/run.js'
import { interrupted } from '../errors/tools.js'
import { isRunning, ownStartTime, readBootId } from '../tools/process.js'

export interface LockOptions {
  /** The folder that is protected, for messages. */
  readonly store: string
  /** What this run does, for others' messages: `build ciab`. */
  readonly purpose: string
  /** False: refuse at once when another run holds the lock. */
  readonly wait: boolean
  readonly signal?: AbortSignal
  /** Called once when this run begins to wait. */
  readonly onWait?: (holder: LockHolder) => void
}

const pollMs = 250

/** How often a run that must not wait tries again while others are only claiming. */
const claimTries = 20

/**
 * Takes the lock in the folder `locks`; the function it returns gives it back.
 * Errors: `store-locked` (exit 3) when not waiting, `interrupted` (exit 130), `store-not-writable` (exit 3).
 *
 * Each run writes a claim of its own, named by pid, start time and boot, and then looks for others. A claim counts
 * while its process lives; nobody ever takes a file over, so there is nothing to race for. Two that claim at the
 * same moment see each other, both step back, and try again after a random time.
 * Processes are told by /proc, so all runs of a store must see the same one (one machine, no separate containers). Where
 * there is none, a claim left behind counts also while another process has its pid.
 */
export async function acquireLock(locks: string, options: LockOptions): Promise<() => void> {
  try {
    return await claimLock(locks, options)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof PipelineError || code === undefined) throw error
    throw storeNotWritable(options.store, message)
  }
}

async function claimLock(locks: string, options: LockOptions): Promise<() => void> {
  let told = false
  for (let attempt = 0; ; attempt += 1) {
    const claim = liveClaims(locks).length === 0 ? writeClaim(locks, options.purpose) : undefined
    const other = liveClaims(locks).find(found => found.name !== claim)
    if (claim !== undefined && !other) {
      writeFileSync(join(locks, `${claim}${heldSuffix}`), '')
      return () => removeClaim(locks, claim)
    }
    if (claim !== undefined) removeClaim(locks, claim)
    if (other && !options.wait && (other.held || attempt >= claimTries)) throw storeLocked(options.store, other.holder)
    if (other?.held && !told) {
      told = true
      options.onWait?.(other.holder)
    }
    await pause(other?.held ? pollMs : Math.random() * pollMs, options.signal)
  }
}

/**
 * Says that this run uses finished releases, and what is kept of them, until the function that it returns is called: any number of
 * runs may at once, but no clean removes them then (`findUse`). Waits while one is at work: a clean takes the lock of the
 * store first and then looks for uses, this does it the other way round. Errors: those of `acquireLock`.
 */
export async function useReleases(locks: string, options: Omit<LockOptions, 'wait'>): Promise<() => void> {
  const uses = usesOf(locks)
  const claim = declare(uses, options)
  try {
    for (let told = false, other = cleanOf(locks); other; other = cleanOf(locks), told = true) {
      if (!told) options.onWait?.(other)
      await pause(pollMs, options.signal)
    }
  } catch (error) {
    removeClaim(uses, claim)
    throw error
  }
  return () => removeClaim(uses, claim)
}

/** Who uses releases now, or undefined; asked by a run that holds the lock with `cleanPurpose`. */
export function findUse(locks: string): LockHolder | undefined {
  return findHolder(usesOf(locks))
}

export const cleanPurpose = 'clean'

function cleanOf(locks: string): LockHolder | undefined {
  const holder = findHolder(locks)
  return holder?.purpose === cleanPurpose ? holder : undefined
}

function usesOf(locks: string): string {
  return join(locks, 'releases')
}

function declare(uses: string, { store, purpose }: Pick<LockOptions, 'store' | 'purpose'>): string {
  try {
    const claim = writeClaim(uses, purpose)
    writeFileSync(join(uses, `${claim}${heldSuffix}`), '')
    return claim
  } catch (error) {
    throw storeNotWritable(store, (error as Error).message)
  }
}

/** Who holds the lock now, or undefined. */
export function findHolder(locks: string): LockHolder | undefined {
  return liveClaims(locks).find(claim => claim.held)?.holder
}

interface Claim {
  readonly name: string
  readonly held: boolean
  readonly holder: LockHolder
}

const heldSuffix = '.held'
const claimName = /^claim-(?<pid>\d+)-(?<startTime>\d+)-(?<boot>[0-9a-f-]{36})-[0-9a-f]+$/

/** Claims of running processes; those of dead ones are removed: their names never come back. */
function liveClaims(locks: string): Claim[] {
  const boot = readBootId()
  const names = listNames(locks)
  return names.flatMap(name => {
    const parts = claimName.exec(name)?.groups
    if (!parts) return []
    const pid = Number(parts['pid'])
    if (parts['boot'] === boot && isRunning(pid, parts['startTime'] ?? '')) {
      return [{ name, held: names.includes(`${name}${heldSuffix}`), holder: readHolder(locks, name, pid) }]
    }
    removeClaim(locks, name)
    return []
  })
}

function listNames(locks: string): string[] {
  try {
    return readdirSync(locks)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}

function writeClaim(locks: string, purpose: string): string {
  const random = randomBytes(4).toString('hex')
  const name = `claim-${process.pid}-${ownStartTime()}-${readBootId()}-${random}`
  mkdirSync(locks, { recursive: true })
  writeFileSync(join(locks, name), JSON.stringify({ purpose, since: new Date().toISOString() }), { flag: 'wx' })
  return name
}

function removeClaim(locks: string, name: string): void {
  rmSync(join(locks, `${name}${heldSuffix}`), { force: true })
  rmSync(join(locks, name), { force: true })
}

/** The words are for messages only; a claim counts whatever is in it. */
function readHolder(locks: string, name: string, pid: number): LockHolder {
  try {
    const { purpose, since } = JSON.parse(readFileSync(join(locks, name), 'utf8')) as Partial<LockHolder>
    return { pid, purpose: purpose ?? '', since: since ?? '' }
  } catch {
    return { pid, purpose: '', since: '' }
  }
}

async function pause(milliseconds: number, signal?: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, signal ? { signal } : {})
  } catch {
    throw signal?.reason instanceof PipelineError ? signal.reason : interrupted()
  }
}
