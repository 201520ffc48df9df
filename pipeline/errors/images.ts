/** Errors of reading and writing disk images: a golden disk that is not what it was, an image too large for its format. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

/** @param how as in `The golden disk ${path} ${how}.` */
export function goldenDiskChanged(path: string, how: string): PipelineError {
  return new PipelineError({
    code: 'golden-disk-changed',
    message: `The golden disk ${path} ${how} while it was exported.`,
    hint: 'leave the files of the store alone while a build runs; run the same command again',
    exitCode: exitCodes.stage,
  })
}

/** @param problem as in `The golden disk ${path} ${problem}.` */
export function goldenDiskUnsound(path: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'golden-disk-unsound',
    message: `The golden disk ${path} ${problem}.`,
    hint: 'make it anew: pipeline clean --all, then build again',
    exitCode: exitCodes.stage,
  })
}

/** @param limit as in `${format} holds at most ${limit}` */
export function imageTooLarge(file: string, format: string, limit: string): PipelineError {
  return new PipelineError({
    code: 'image-too-large',
    message: `${file} cannot be written: ${format} holds at most ${limit}.`,
    hint: 'make the disk smaller (--set hardware.diskGib=N), or leave out the target',
    exitCode: exitCodes.stage,
  })
}

/** @param problem line, column and what is wrong there */
export function xmlWrong(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'xml-wrong',
    message: `${file} is no well-formed XML: ${problem}.`,
    hint: 'see its template in templates/; values go through the helper xml',
    exitCode: exitCodes.verification,
  })
}

/** The golden disk does not take one empty file more. */
export function markerRefused(path: string, file: string): PipelineError {
  return new PipelineError({
    code: 'marker-refused',
    message: `The marker ${file} could not be added to a copy of the golden disk ${path}: its folder is missing or the file is there already.`,
    hint: `Let a provision script make the folder and leave no such file, or leave out the target vagrant.`,
    exitCode: exitCodes.stage,
  })
}

/** @param problem the line and what is wrong there */
export function vmxWrong(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'vmx-wrong',
    message: `${file} is no .vmx file: ${problem}.`,
    hint: 'see its template in templates/; values go through the helper vmx',
    exitCode: exitCodes.verification,
  })
}

/** @param problem the line and what is wrong there */
export function xlConfigWrong(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'xl-config-wrong',
    message: `${file} is no configuration of xl: ${problem}.`,
    hint: 'see its template in templates/xen/; names and files there hold no quotes and no backslashes',
    exitCode: exitCodes.verification,
  })
}

/** @param problem the line and what is wrong there */
export function vagrantfileWrong(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'vagrantfile-wrong',
    message: `${file} is no Vagrantfile of a box: ${problem}.`,
    hint: 'see its template in templates/vagrant/; texts go through the helper json',
    exitCode: exitCodes.verification,
  })
}

/** @param problem what its reader says */
export function jsonWrong(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'json-wrong',
    message: `${file} is no JSON: ${problem}.`,
    hint: 'see its template in templates/; values go through the helper json',
    exitCode: exitCodes.verification,
  })
}
