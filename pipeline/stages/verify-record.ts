/** Keeps what each check of a verification found: a failed one does not end the others, only those that need it. */
import { PipelineError } from '../errors/pipeline-error.js'
import { exitCodes } from '../errors/exit-codes.js'
import { interrupted } from '../errors/tools.js'
import type { ReportedCheck } from './verify-report.js'

/** What a check found, one line, and what later checks need of it. */
export interface Found<Value> {
  readonly found: string
  readonly value: Value
}

export interface Recorder {
  readonly checks: readonly ReportedCheck[]
  /** Undefined when the check failed. Errors: `interrupted`, `tool-missing` and bugs pass through. */
  check<Value>(name: string, work: () => Promise<Found<Value>>): Promise<Value | undefined>
  skip(names: readonly string[], reason: string): void
  /** Skips what another host could look at. */
  leave(name: string, reason: string): void
  /** For checks that were made elsewhere. */
  add(check: Omit<ReportedCheck, 'target' | 'boot'>): void
}

export interface RecorderOptions {
  readonly target: string
  readonly boot?: string
  readonly signal: AbortSignal
  readonly progress: (line: string) => void
  /** Strings that no detail may show; grows while a boot shows its credentials. */
  readonly secrets: readonly string[]
}

export function createRecorder(options: RecorderOptions): Recorder {
  const { target, boot } = options
  const checks: ReportedCheck[] = []
  const place = boot === undefined ? { target } : { target, boot }
  const add: Recorder['add'] = check => {
    const detail = options.secrets.reduce((text, secret) => text.replaceAll(secret, '***'), check.detail)
    checks.push({ ...place, ...check, detail })
    if (check.status === 'failed') options.progress(`${Object.values(place).join(' ')}: ${check.name}: ${detail.split('\n')[0]}`)
  }
  return {
    checks,
    add,
    check: async (name, work) => {
      const started = Date.now()
      try {
        const { found, value } = await work()
        add({ name, status: 'passed', detail: found, durationMs: Date.now() - started })
        return value
      } catch (error) {
        if (options.signal.aborted) throw interrupted()
        add({ name, status: 'failed', detail: explain(error), durationMs: Date.now() - started })
        return undefined
      }
    },
    leave: (name, reason) => add({ name, status: 'skipped', detail: reason, durationMs: 0, pending: true }),
    skip: (names, reason) => {
      for (const name of names) add({ name, status: 'skipped', detail: reason, durationMs: 0 })
    },
  }
}

/** Errors that say nothing about the artifact end the whole verification. */
function explain(error: unknown): string {
  if (isSystemError(error)) return `${error.code}: ${error.message}`
  if (!(error instanceof PipelineError)) throw error
  if (error.exitCode === exitCodes.missing || error.exitCode === exitCodes.interrupted) throw error
  return [error.message, ...error.details].join('\n')
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).code === 'string' && !(error instanceof PipelineError)
}
