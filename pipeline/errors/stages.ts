/** Errors of the stages that run builder VMs and write artifacts. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

interface VmFailure {
  readonly stage: string
  readonly what: string
  readonly serialLog: string
  readonly lastLines: readonly string[]
  readonly command: string
  readonly cause?: unknown
}

/** The installer or a provision script said itself what failed, or the VM ended without saying it was done. */
export function builderVmFailed(failure: VmFailure): PipelineError {
  return new PipelineError({
    code: 'builder-vm-failed',
    message: `${failure.stage} failed: ${failure.what}`,
    hint: `serial log: ${failure.serialLog}`,
    exitCode: exitCodes.stage,
    details: vmDetails(failure),
    cause: failure.cause,
  })
}

/** `seconds` is the limit in force, with the factor for emulation in it. */
export function builderVmTimeout(failure: VmFailure & { readonly seconds: number }): PipelineError {
  return new PipelineError({
    code: 'builder-vm-timeout',
    message: `${failure.stage} did not end within ${failure.seconds} s: ${failure.what}`,
    hint: `serial log: ${failure.serialLog}; more time: --set timeouts.${failure.stage}Seconds=N`,
    exitCode: exitCodes.stage,
    details: vmDetails(failure),
    cause: failure.cause,
  })
}

function vmDetails(failure: VmFailure): string[] {
  const lines = failure.lastLines.map(line => `| ${line}`)
  return [`command: ${failure.command}`, 'last lines of its serial console:', ...lines]
}

export function artifactsNotWritable(directory: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'artifacts-not-writable',
    message: `Cannot write to ${directory}: ${reason}.`,
    hint: 'give a folder you may write to with --artifacts DIR',
    exitCode: exitCodes.missing,
  })
}

export function diskFull(what: string, directory: string, freeMib: number): PipelineError {
  return new PipelineError({
    code: 'disk-full',
    message: `No space left on the disk of ${directory} while ${what} (${freeMib} MiB free).`,
    hint: 'free some space (pipeline clean --store removes old stage results), then run the same command again: finished stages are kept',
    exitCode: exitCodes.stage,
  })
}
