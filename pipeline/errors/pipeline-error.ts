/** The one error class that users meet: what is wrong (with the value seen), and what to do about it. */
import type { ExitCode } from './exit-codes.js'

export interface PipelineErrorFields {
  /** A literal, searchable code such as `spec-unknown-key`. */
  readonly code: string
  /** One sentence: what is wrong, where, with the value seen. */
  readonly message: string
  /** What the user can do next; a command to type where there is one. */
  readonly hint?: string
  readonly exitCode: ExitCode
  /** Further lines worth seeing: the last lines of a log, the list of problems. */
  readonly details?: readonly string[]
  readonly cause?: unknown
}

export class PipelineError extends Error {
  readonly code: string
  readonly hint: string | undefined
  readonly exitCode: ExitCode
  readonly details: readonly string[]

  constructor(fields: PipelineErrorFields) {
    super(fields.message, { cause: fields.cause })
    this.name = 'PipelineError'
    this.code = fields.code
    this.hint = fields.hint
    this.exitCode = fields.exitCode
    this.details = fields.details ?? []
  }
}

const several = 'several-problems'

/**
 * Joins the problems that checks collected into one error; a single problem stays itself, joined ones come apart again.
 * The exit code is the first problem's. Throws TypeError on an empty list (a bug of ours).
 */
export function joinProblems(problems: readonly PipelineError[]): PipelineError {
  const [first, ...rest] = problems
  if (!first) throw new TypeError('joinProblems needs at least one problem')
  if (rest.length === 0) return first
  const details = problems.flatMap(problem => (problem.code === several ? problem.details : [formatOneLine(problem)]))
  return new PipelineError({ code: several, message: `${details.length} problems:`, exitCode: first.exitCode, details })
}

/** `message (hint)` on one line, the form in lists. */
export function formatOneLine(error: PipelineError): string {
  return error.hint ? `${error.message} (${error.hint})` : error.message
}

/** The whole error as the command line prints it to stderr, without a trailing newline. */
export function formatError(error: PipelineError): string {
  const lines = [`error: ${formatOneLine(error)}`, ...error.details.map(line => `  ${line}`)]
  return lines.join('\n')
}
