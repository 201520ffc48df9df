/** Catalogue: everything that can be wrong with an appliance's description and with `--set`. */
import { exitCodes } from './exit-codes.js'
import { suggest } from './nearest.js'
import { PipelineError } from './pipeline-error.js'

function specError(code: string, message: string, hint?: string, cause?: unknown): PipelineError {
  return new PipelineError({ code, message, exitCode: exitCodes.usage, cause, ...(hint ? { hint } : {}) })
}

/** @param known sorted names of the appliances there are */
export function applianceUnknown(name: string, known: readonly string[]): PipelineError {
  return specError(
    'appliance-unknown',
    `There is no appliance "${name}".`,
    suggest(name, known, 'Appliances')
  )
}

/** The folder's name goes into host names, file names, URLs and scripts. */
export function applianceNameWrong(name: string): PipelineError {
  return specError(
    'appliance-name',
    `kickstarts/${name}: "${name}" cannot be the name of an appliance.`,
    'Name the folder with small letters, digits and dashes, beginning with a letter or digit.'
  )
}

/** Nothing would lay down the files of the first boot, and nothing would seal the disk. @param folder where they are looked for */
export function provisionEmpty(folder: string): PipelineError {
  return specError('provision-empty', `${folder} holds no script (*.sh): nothing lays down the first boot, and nothing seals the disk.`, 'Begin with those of kickstarts/ciab/provision.')
}

/** No kickstarts/<name>/appliance.yaml anywhere under the root. */
export function applianceNone(root: string): PipelineError {
  return specError(
    'appliance-none',
    `There is no appliance in ${root}: no kickstarts/<name>/appliance.yaml.`,
    "Run this in the project's folder, or make a folder kickstarts/<name> with an appliance.yaml."
  )
}

export function specUnreadable(file: string, cause: NodeJS.ErrnoException): PipelineError {
  return specError(
    'spec-unreadable',
    `Could not read ${file}: ${cause.code ?? cause.message}.`,
    `Look at it: ls -l ${file}`,
    cause
  )
}

/** @param place `file:line`, or `--set` */
export function specSyntax(place: string, problem: string): PipelineError {
  return specError('spec-syntax', `${place}: ${problem}`)
}

/** A value of the wrong kind, or out of its range. */
export function specValue(place: string, key: string, problem: string, hint?: string): PipelineError {
  return specError('spec-value', `${place}: ${key}: ${problem}`, hint)
}

export function specKeyMissing(place: string, key: string, description: string): PipelineError {
  return specError('spec-key-missing', `${place}: ${key}: this key is missing`, `Add it: ${description}`)
}

/** @param known dotted keys allowed at the same place */
export function specKeyUnknown(place: string, key: string, known: readonly string[]): PipelineError {
  return specError('spec-key-unknown', `${place}: ${key}: unknown key`, suggest(key, known, 'Known keys'))
}

/** Two values that are each right but do not go together. */
export function specRule(place: string, key: string, problem: string, hint: string): PipelineError {
  return specError('spec-rule', `${place}: ${key}: ${problem}`, hint)
}

export function setWithoutValue(argument: string): PipelineError {
  return specError('set-without-value', `--set ${argument}: there is no value`, 'Write --set key=value.')
}

/** @param members dotted keys inside the group */
export function setGroup(key: string, members: readonly string[]): PipelineError {
  return specError(
    'set-group',
    `--set ${key}: this is a group of values`,
    `Set one of: ${members.join(', ')}.`
  )
}
