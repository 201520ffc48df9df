/** Catalogue: what verification finds wrong with an artifact or with the system that boots from it. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

function verificationError(code: string, message: string, details: readonly string[] = [], hint?: string): PipelineError {
  return new PipelineError({ code, message, exitCode: exitCodes.verification, details, ...(hint ? { hint } : {}) })
}

/** The appliance said itself that its set-up failed. */
export function setUpFailed(step: string, reason: string, lastLines: readonly string[]): PipelineError {
  return verificationError('set-up-failed', `The appliance's set-up failed at step "${step}": ${reason}.`, [
    'last lines of its serial console:',
    ...lastLines.map(line => `| ${line}`),
  ])
}

/** The machine came to a place from which it does not go on by itself. @param sign what showed it */
export function bootStuck(sign: string, lastLines: readonly string[]): PipelineError {
  return verificationError('boot-stuck', `The virtual machine does not boot: it shows "${sign}".`, [
    'last lines of its serial console:',
    ...lastLines.map(line => `| ${line}`),
  ])
}

/** The Xen host did not start the guest. @param reason its own words, without a full stop */
export function xenHostFailed(reason: string, log: string, lastLines: readonly string[]): PipelineError {
  return verificationError(
    'xen-host-failed',
    `The Xen host did not start the guest: ${reason}.`,
    ['last lines of its own console:', ...lastLines.map(line => `| ${line}`)],
    `log of the host: ${log}`,
  )
}

/** One promise of the appliance that it does not keep. @param problem a sentence without its full stop */
export function promiseBroken(problem: string, details: readonly string[] = []): PipelineError {
  return verificationError('promise-broken', `${problem}.`, details)
}

/** The cloud's API gave an error, or an answer that is none. */
export function apiRefused(request: string, problem: string): PipelineError {
  return verificationError('api-refused', `The cloud's API answered ${request} with: ${problem}.`)
}

interface FailedVerification {
  /** `target, boot: check: what was found` */
  readonly failures: readonly string[]
  /** Where to read on, one line for each boot that failed. */
  readonly logs: readonly string[]
}

export function verificationFailed(release: string, { failures, logs }: FailedVerification): PipelineError {
  const count = failures.length === 1 ? '1 check' : `${failures.length} checks`
  return verificationError(
    'verification-failed',
    `verify failed: ${count} of ${release} did not pass.`,
    [...failures, ...logs],
    `Read ${release}/verification.md; it must not be published.`,
  )
}
