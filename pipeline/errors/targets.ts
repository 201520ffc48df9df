/** Catalogue: what can be wrong with the choice of targets, and with what a target wrote. */
import { exitCodes } from './exit-codes.js'
import { suggest } from './nearest.js'
import { PipelineError } from './pipeline-error.js'

/** @param known sorted names of all targets */
export function targetUnknown(name: string, known: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'target-unknown',
    message: `There is no target "${name}".`,
    hint: suggest(name, [...known, 'all'], 'Targets'),
    exitCode: exitCodes.usage,
  })
}

export function targetNoneChosen(known: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'target-none-chosen',
    message: 'No target was named.',
    hint: `Name one or more with --target: ${[...known, 'all'].join(', ')}.`,
    exitCode: exitCodes.usage,
  })
}

/**
 * A file in the targets folder does not keep the contract: a fault of the source, found when it is
 * read.
 */
export function targetFileWrong(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'target-file-wrong',
    message: `pipeline/targets/${file} ${problem}.`,
    hint: "A target file has one default export, whose name is the file's name; see CONTRIBUTING.md.",
    exitCode: exitCodes.bug,
  })
}

/** One fault of an exported file. `problem` goes on after the file's name. */
export function artifactWrong(target: string, name: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'artifact-wrong',
    message: `${target}/${name} ${problem}.`,
    hint: `Export it again: pipeline build --target ${target}`,
    exitCode: exitCodes.verification,
  })
}

/** A descriptor was rendered that does not say what was asked. `problem` goes on after the file's name. */
export function descriptorWrong(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'descriptor-wrong',
    message: `${file} ${problem}.`,
    hint: 'see its template in templates/: the value does not reach the place where it is read',
    exitCode: exitCodes.verification,
  })
}

/** A tool answered in a form this version does not know. */
export function toolAnswerUnknown(tool: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'tool-answer-unknown',
    message: `Could not read the answer of "${tool}": ${problem}.`,
    hint: 'See `pipeline doctor` for the versions that are known to work.',
    exitCode: exitCodes.stage,
  })
}
