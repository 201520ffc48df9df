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

export interface StoppedInstaller {
  readonly stage: string
  readonly trouble: { readonly kind: 'error' | 'question'; readonly line: string }
  readonly serialLog: string
  readonly command: string
  /** Of its console, around the trouble. */
  readonly lines: readonly string[]
  readonly cause?: unknown
}

/** Anaconda shows an error screen, or asks something that nobody is there to answer. */
export function installerStopped({ stage, trouble, serialLog, command, lines, cause }: StoppedInstaller): PipelineError {
  const asks = trouble.kind === 'question'
  return new PipelineError({
    code: 'installer-stopped',
    message: `${stage} failed: Anaconda ${asks ? 'asks' : 'stopped'}: ${trouble.line}`,
    hint: `${asks ? 'answer it in the kickstart' : 'see the lines below'}; serial log: ${serialLog}`,
    exitCode: exitCodes.stage,
    details: [`command: ${command}`, 'what its console says:', ...lines.map(line => `| ${line}`)],
    cause,
  })
}

function vmDetails(failure: VmFailure): string[] {
  const lines = failure.lastLines.map(line => `| ${line}`)
  return [`command: ${failure.command}`, 'last lines of its serial console:', ...lines]
}

/** `lines` is what debugfs said. */
export function kickstartDiskFailed(lines: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'kickstart-disk-failed',
    message: `debugfs could not fill the kickstart disk: ${lines[0] ?? 'without a reason'}.`,
    hint: 'see install/ of the appliance: every file of it must be readable, and the disk of the store needs room',
    exitCode: exitCodes.stage,
    details: lines,
  })
}

export function artifactsNotWritable(directory: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'artifacts-not-writable',
    message: `Cannot write to ${directory}: ${reason}.`,
    hint: 'give a folder you may write to with --artifacts DIR',
    exitCode: exitCodes.missing,
  })
}

export interface DiskFull {
  /** What was being written, as in `No space left for ${what}`. */
  readonly what: string
  /** The folder, as in `on the disk of ${place}`. */
  readonly place: string
  readonly freeBytes: number
  /** What the tool said. */
  readonly details?: readonly string[]
  readonly cause?: unknown
}

export function diskFull({ what, place, freeBytes, details = [], cause }: DiskFull): PipelineError {
  return new PipelineError({
    code: 'disk-full',
    message: `No space left for ${what} on the disk of ${place} (${Math.floor(freeBytes / bytesPerMib)} MiB free).`,
    hint: 'pipeline plan shows what a build needs; free some space (pipeline clean removes old results), then run the same command again: finished stages are kept',
    exitCode: exitCodes.stage,
    details,
    cause,
  })
}

export interface ExportRoom {
  readonly needs: readonly { readonly name: string; readonly bytes: number }[]
  readonly freeBytes: number
  /** The release's folder. */
  readonly place: string
}

/** Told before the first byte is written. */
export function exportTooLarge({ needs, freeBytes, place }: ExportRoom): PipelineError {
  const sum = needs.reduce((total, { bytes }) => total + bytes, 0)
  return new PipelineError({
    code: 'export-too-large',
    message: `The export needs about ${mib(sum)} on the disk of ${place}, and ${mib(freeBytes)} are free.`,
    hint: 'free some space (pipeline clean --releases removes old releases), name fewer targets, or give another folder with --artifacts DIR',
    exitCode: exitCodes.missing,
    details: needs.map(({ name, bytes }) => `${name}: ${mib(bytes)}`),
  })
}

function mib(bytes: number): string {
  return `${Math.ceil(bytes / bytesPerMib)} MiB`
}

const bytesPerMib = 1024 * 1024
