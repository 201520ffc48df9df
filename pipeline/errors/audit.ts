/** Catalogue: what the audit of the finished disk can end with. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

/** Every problem of every check at once. @param problems `check: what was found where` */
export function auditFailed(disk: string, problems: readonly string[]): PipelineError {
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`
  return new PipelineError({
    code: 'audit-failed',
    message: `audit failed: the finished disk ${disk} has ${count}.`,
    hint: 'Correct the kickstart or the provision scripts of the appliance (90-seal.sh removes leftovers), then build again.',
    exitCode: exitCodes.stage,
    details: problems,
  })
}

/** The disk cannot be read as what it should be. @param problem goes on after the disk's name */
export function diskUnreadable(disk: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'disk-unreadable',
    message: `Could not read the disk ${disk}: ${problem}.`,
    hint: `Look at it: sfdisk --list ${disk}`,
    exitCode: exitCodes.stage,
  })
}

/** A search that a short needle would make useless, by finding it everywhere. A fault of the caller. */
export function needleTooShort(name: string, least: number): PipelineError {
  return new PipelineError({
    code: 'needle-too-short',
    message: `The secret "${name}" is shorter than ${least} characters: it cannot be searched for.`,
    hint: 'Use a longer password.',
    exitCode: exitCodes.usage,
  })
}
