/**
 * Catalogue: what can be wrong with a template and with the text it gives. Every message begins
 * with `file:line`.
 */
import { exitCodes } from './exit-codes.js'
import { suggest } from './nearest.js'
import { PipelineError } from './pipeline-error.js'

/** Where in which template. */
export interface TemplatePlace {
  readonly file: string
  readonly line: number
}

interface TemplateFault {
  readonly code: string
  readonly problem: string
  readonly hint?: string
  readonly details?: readonly string[]
  readonly cause?: unknown
}

function templateError({ file, line }: TemplatePlace, { problem, ...fault }: TemplateFault): PipelineError {
  return new PipelineError({ ...fault, message: `${file}:${line}: ${problem}`, exitCode: exitCodes.usage })
}

/** @param excerpt lines that show the spot */
export function templateSyntax(
  place: TemplatePlace,
  problem: string,
  excerpt: readonly string[] = []
): PipelineError {
  return templateError(place, { code: 'template-syntax', problem, details: excerpt })
}

/**
 * @param known keys at the place where the path broke off; absent when there is a single value,
 * which has none
 */
export function templateUnknownValue(
  place: TemplatePlace,
  path: string,
  known: readonly string[] | undefined
): PipelineError {
  const word = path.split(/[@./]/).at(-1) ?? path
  const hint = known ? suggest(word, known, 'Known here') : 'The name before its last dot is a single value.'
  return templateError(place, { code: 'template-unknown-value', problem: `unknown value "${path}"`, hint })
}

/** The value is there, but null: it would print as nothing. */
export function templateNoValue(place: TemplatePlace, path: string): PipelineError {
  const hint = `Give it one, or guard the line with {{#if ${path}}}.`
  return templateError(place, { code: 'template-no-value', problem: `"${path}" has no value here`, hint })
}

/** A list or group of values where one value is printed. */
export function templateNoSingleValue(place: TemplatePlace, path: string): PipelineError {
  const hint = `Name one of its values, or write {{json ${path}}}.`
  return templateError(place, {
    code: 'template-no-single-value',
    problem: `"${path}" is not a single value`,
    hint,
  })
}

export function templateUnknownHelper(
  place: TemplatePlace,
  name: string,
  known: readonly string[]
): PipelineError {
  return templateError(place, {
    code: 'template-unknown-helper',
    problem: `unknown helper "${name}"`,
    hint: suggest(name, known, 'Helpers'),
  })
}

/** A construct of Handlebars that cannot be checked before rendering, so it is not offered. */
export function templateUnsupported(place: TemplatePlace, what: string, hint: string): PipelineError {
  return templateError(place, {
    code: 'template-unsupported',
    problem: `${what} are not supported here`,
    hint,
  })
}

/** A helper got the wrong number or kind of values. */
export function templateHelperUse(place: TemplatePlace, problem: string): PipelineError {
  return templateError(place, { code: 'template-helper-use', problem })
}

export function templateUnreadable(file: string, cause: NodeJS.ErrnoException): PipelineError {
  return new PipelineError({
    code: 'template-unreadable',
    message: `Could not read the template ${file}: ${cause.code ?? cause.message}.`,
    hint: 'Is this a whole copy of the project? git status shows missing files.',
    exitCode: exitCodes.usage,
    cause,
  })
}

/** @param excerpt the rendered lines around the spot */
export function renderedNoJson(file: string, problem: string, excerpt: readonly string[]): PipelineError {
  return new PipelineError({
    code: 'rendered-no-json',
    message: `${file}: the rendered text is no JSON: ${problem}`,
    hint: 'Values go in as {{json value}}, without quotes around it.',
    exitCode: exitCodes.usage,
    details: excerpt,
  })
}
