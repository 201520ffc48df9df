/** Errors of the command line itself: arguments that fit no command. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

export function outputNotEmpty(directory: string): PipelineError {
  return new PipelineError({
    code: 'output-not-empty',
    message: `The output folder ${directory} is not empty.`,
    hint: 'name a new or empty folder with --out',
    exitCode: exitCodes.usage,
  })
}

/** @param option by which the place was named */
export function outputNotWritable(place: string, problem: string, option: '--out' | '--output'): PipelineError {
  return new PipelineError({
    code: 'output-not-writable',
    message: `Cannot write to ${place}: ${problem}.`,
    hint: `name a folder you may write to with ${option}`,
    exitCode: exitCodes.missing,
  })
}

/** An option that would change nothing beside what was asked for. @param why what it is for */
export function optionUseless(option: string, why: string): PipelineError {
  return new PipelineError({
    code: 'option-useless',
    message: `${option} changes nothing here: ${why}.`,
    hint: 'leave it out, or say what it is for',
    exitCode: exitCodes.usage,
  })
}

/** Results or progress that cannot be written where the shell sent them. A reader who went away is no error. */
export function streamBroken(stream: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'stream-broken',
    message: `Cannot write to ${stream}: ${problem}.`,
    hint: 'send it to a place that takes it, and run the same command again',
    exitCode: exitCodes.stage,
  })
}

export function stageUnknown(name: string, known: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'stage-unknown',
    message: `Unknown stage "${name}" for --until.`,
    hint: `known stages: ${known.join(', ')}`,
    exitCode: exitCodes.usage,
  })
}

/** @param release of Anaconda's family, which the stages after install do not know */
export function releaseEndsAtInstall(release: string): PipelineError {
  return new PipelineError({
    code: 'release-ends-at-install',
    message: `Release ${release} of the el family can be installed, and not be made into an appliance: the stages after install need systemd and GRUB 2.`,
    hint: 'pipeline build APPLIANCE --until install, or take a newer release',
    exitCode: exitCodes.usage,
  })
}

export function notARelease(directory: string): PipelineError {
  return new PipelineError({
    code: 'not-a-release',
    message: `${directory} is no release: it has no readable manifest.json.`,
    hint: 'give the folder that pipeline build printed, artifacts/<appliance>-<version>',
    exitCode: exitCodes.usage,
  })
}

/** @param changes `<path>: missing` or `<path>: changed` */
export function releaseChanged(directory: string, changes: readonly string[]): PipelineError {
  const what = changes.length === 1 ? '1 file is' : `${changes.length} files are`
  return new PipelineError({
    code: 'release-changed',
    message: `${what} not as written when the release was made: ${directory}.`,
    hint: 'copy the release again from where it was built, or build it again',
    exitCode: exitCodes.verification,
    details: changes,
  })
}

/** Both numbers, in GiB with one decimal. */
export function diskTooSmall(needed: string, free: string, directory: string): PipelineError {
  return new PipelineError({
    code: 'disk-too-small',
    message: `This build needs ${needed} of disk, and ${directory} has ${free} free.`,
    hint: 'free some space (pipeline clean), or put the store elsewhere with --store DIR',
    exitCode: exitCodes.missing,
  })
}

export function fieldUnknown(name: string, known: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'field-unknown',
    message: `Unknown field "${name}".`,
    hint: `known fields: ${known.join(', ')}`,
    exitCode: exitCodes.usage,
  })
}
