/** Catalogue: hardware acceleration that cannot be had, and virtual machines that do not do what they should. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

/**
 * `--accel kvm` on a host where KVM does not run a kernel.
 * @param reason why, without a full stop
 * @param fixes what to do, one sentence each
 */
export function kvmUnusable(reason: string, fixes: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'kvm-unusable',
    message: `KVM does not work on this host: ${reason}.`,
    hint: 'Fix it, or go on in emulation with --accel tcg.',
    exitCode: exitCodes.missing,
    details: fixes,
  })
}

/** @param said what the program printed */
export function qemuVersionUnknown(said: string): PipelineError {
  return new PipelineError({
    code: 'qemu-version-unknown',
    message: `Could not read QEMU's version from "${said}".`,
    hint: 'Look at it: qemu-system-x86_64 --version',
    exitCode: exitCodes.missing,
  })
}

/** The VM, or its monitor, was gone while something was still awaited of it. */
export function vmEnded(awaited: string, lastLines: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'vm-ended',
    message: `The virtual machine ended while waiting for ${awaited}.`,
    exitCode: exitCodes.stage,
    details: consoleLines(lastLines),
  })
}

export function vmSilent(awaited: string, seconds: number, lastLines: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'vm-silent',
    message: `The virtual machine did not show ${awaited} within ${seconds} s.`,
    exitCode: exitCodes.stage,
    details: consoleLines(lastLines),
  })
}

/** The same error, with what came on a console whose log was paused; the caller masks secrets. */
export function withUnloggedLines(error: PipelineError, lines: readonly string[]): PipelineError {
  const { code, message, hint, exitCode, cause } = error
  const heading = lines.length === 0 ? 'after the last key it showed nothing more' : 'after the last key it showed, without secrets:'
  const details = [...error.details, heading, ...lines.map(quoted)]
  return new PipelineError({ code, message, exitCode, details, cause, ...(hint === undefined ? {} : { hint }) })
}

/** QEMU refused a command of its monitor. */
export function monitorRefused(command: string, reason: string): PipelineError {
  return new PipelineError({
    code: 'monitor-refused',
    message: `QEMU refused the monitor command "${command}": ${reason}.`,
    exitCode: exitCodes.stage,
  })
}

function consoleLines(lines: readonly string[]): string[] {
  if (lines.length === 0) return ['its serial console showed nothing']
  return ['last lines of its serial console:', ...lines.map(quoted)]
}

function quoted(line: string): string {
  return `| ${line}`
}
