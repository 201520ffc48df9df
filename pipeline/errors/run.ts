/** Errors of running a build: the stage store, its lock, and the guard of virtual machines. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

export interface LockHolder {
  readonly pid: number
  /** What it does: `build ciab`; empty when it did not say. */
  readonly purpose: string
  /** When it took the lock, ISO 8601; empty when it did not say. */
  readonly since: string
}

export function storeLocked(store: string, holder: LockHolder): PipelineError {
  return new PipelineError({
    code: 'store-locked',
    message: `The stage store ${store} is in use by ${formatHolder(holder)}.`,
    hint: 'wait until it has ended, or use another store with --store DIR',
    exitCode: exitCodes.missing,
  })
}

/** `build ciab (pid 4711, since 2026-05-01 12:00:00 UTC)` */
export function formatHolder({ pid, purpose, since }: LockHolder): string {
  const when = since ? `, since ${since.slice(0, 19).replace('T', ' ')} UTC` : ''
  return `${purpose || 'another run'} (pid ${pid}${when})`
}

export function storeNotWritable(store: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'store-not-writable',
    message: `Cannot write to the stage store ${store}: ${problem}.`,
    hint: 'make it writable, or give another folder with --store DIR',
    exitCode: exitCodes.missing,
  })
}

export function guardNotStarted(problem: string): PipelineError {
  return new PipelineError({
    code: 'guard-not-started',
    message: `Could not start the watchdog that ends a build's programs when the build is killed: ${problem}.`,
    hint: 'check that setsid (package util-linux) and a POSIX sh are installed',
    exitCode: exitCodes.missing,
  })
}
