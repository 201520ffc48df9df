/** Errors of child processes: missing, not startable, failed, ended by a signal, too slow, interrupted. */
import { exitCodes } from './exit-codes.js'
import { PipelineError } from './pipeline-error.js'

export interface MissingTool {
  /** Program name, or absolute path of a file. */
  readonly file: string
  /** As in `needed to ${reason}`. */
  readonly reason: string
  /** A command that installs it. */
  readonly hint: string
}

export function toolMissing({ file, reason, hint }: MissingTool): PipelineError {
  return new PipelineError({
    code: 'tool-missing',
    message: `Could not find "${file}", needed to ${reason}.`,
    hint,
    exitCode: exitCodes.missing,
  })
}

/** The program is there, but the kernel refuses to start it (permission, wrong format, no memory, text busy). */
export function toolNotStartable(file: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'tool-not-startable',
    message: `Could not start "${file}": ${problem}.`,
    hint: `try it by hand: ${file} --version`,
    exitCode: exitCodes.missing,
  })
}

/** What is known about a command that did not end well; secrets are masked already. */
export interface ToolFailure {
  readonly file: string
  /** The whole command line, ready to paste. */
  readonly command: string
  /** Of both streams, in the order they came. */
  readonly lastLines: readonly string[]
  readonly logFile?: string
}

export function toolFailed(failure: ToolFailure, exitCode: number): PipelineError {
  return failed('tool-failed', `"${failure.file}" ended with exit code ${exitCode}.`, failure)
}

export function toolSignal(failure: ToolFailure, signal: string): PipelineError {
  const why = signal === 'SIGKILL' ? ' (the kernel does this when memory runs out: see dmesg)' : ''
  return failed('tool-signal', `"${failure.file}" was ended by ${signal}${why}.`, failure)
}

export function toolTimeout(failure: ToolFailure, seconds: number): PipelineError {
  return failed('tool-timeout', `"${failure.file}" did not end within ${seconds} s and was ended.`, failure)
}

export function toolOutputTooLarge(failure: ToolFailure, limitMib: number): PipelineError {
  const message = `"${failure.file}" printed more than ${limitMib} MiB and was ended: no result of it is that large.`
  return failed('tool-output-too-large', message, failure)
}

/** A log that cannot be written ends the command: a failure later on could not be explained without it. */
export function logNotWritable(path: string, problem: string): PipelineError {
  return new PipelineError({
    code: 'log-not-writable',
    message: `Cannot write the log ${path}: ${problem}.`,
    hint: 'free some space, or make its folder writable, then run the same command again',
    exitCode: exitCodes.missing,
  })
}

export function interrupted(signal?: string): PipelineError {
  return new PipelineError({
    code: 'interrupted',
    message: signal ? `Interrupted by ${signal}.` : 'Interrupted.',
    hint: 'run the same command again to continue: finished stages are kept',
    exitCode: exitCodes.interrupted,
  })
}

function failed(code: string, message: string, failure: ToolFailure): PipelineError {
  const said = failure.lastLines.map(line => `| ${line}`)
  return new PipelineError({
    code,
    message,
    ...(failure.logFile ? { hint: `log: ${failure.logFile}` } : {}),
    exitCode: exitCodes.stage,
    details: [
      `command: ${failure.command}`,
      ...(said.length > 0 ? ['last lines it printed:', ...said] : ['it printed nothing']),
    ],
  })
}
