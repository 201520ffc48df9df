/** Tells how a child ended: fine, missing, not startable, by a signal, with an exit code that is a failure. */
import type { PipelineError } from '../errors/pipeline-error.js'
import { toolFailed, toolMissing, toolNotStartable, toolSignal } from '../errors/tools.js'
import type { ToolFailure } from '../errors/tools.js'
import type { RunOptions } from './command.js'
import { needOf } from './need.js'

export interface Ended {
  readonly exitCode?: number
  readonly signal?: string
  /** Why it could not be started. */
  readonly startError?: NodeJS.ErrnoException
}

/** The error of a child that did not end well, or undefined. */
export function judge(
  ended: Ended,
  failure: ToolFailure,
  { okCodes = [0], reason }: Pick<RunOptions, 'okCodes' | 'reason'>
): PipelineError | undefined {
  if (ended.startError?.code === 'ENOENT') return toolMissing(needOf(failure.file, reason))
  if (ended.startError) return toolNotStartable(failure.file, startProblem(ended.startError))
  if (ended.signal !== undefined) return toolSignal(failure, ended.signal)
  const exitCode = ended.exitCode ?? -1
  return okCodes.includes(exitCode) ? undefined : toolFailed(failure, exitCode)
}

const startProblems: Readonly<Record<string, string>> = {
  EACCES: 'it may not be executed by this user',
  ENOEXEC: 'it is not a program for this machine',
  ETXTBSY: 'its file is being written',
  ENOMEM: 'no memory left',
  E2BIG: 'its arguments are too long',
}

function startProblem(error: NodeJS.ErrnoException): string {
  return startProblems[error.code ?? ''] ?? error.message
}

/** The last line of a command in its log. */
export function endLine(ended: Ended, milliseconds: number): string {
  const how = ended.exitCode === undefined ? (ended.signal ?? 'not started') : `exit code ${ended.exitCode}`
  return `# ${how} after ${(milliseconds / 1000).toFixed(1)} s`
}
