/** The shape of every child process: a command is a value, so a dry run prints exactly what a build runs. */

/** Program and arguments; never a shell string. */
export type Command = readonly [file: string, ...args: string[]]

export interface RunOptions {
  readonly cwd?: string
  /** Added to a small fixed environment (PATH, HOME, LANG=C.UTF-8, TMPDIR, proxies, CA bundles); the caller's own is not passed on. */
  readonly env?: Readonly<Record<string, string>>
  /** Text for the child's standard input; absent: closed. */
  readonly input?: string
  /** The same, where it is no text. */
  readonly inputBytes?: Uint8Array
  /** A descriptor that its standard output goes to, in place of being captured; stdout of the result is empty then. */
  readonly stdoutTo?: number
  /** The child is ended after this time. Absent: no limit. */
  readonly timeoutMs?: number
  /** stdout and stderr are appended here as they come (secrets masked). */
  readonly logFile?: string
  /** Called for each line of either stream as it comes. */
  readonly onLine?: (line: string) => void
  /** Strings masked in the log, in errors and in onLine. */
  readonly secrets?: readonly string[]
  /** Exit codes that are no failure. @default [0] */
  readonly okCodes?: readonly number[]
  /** What the program is needed for, as in `needed to ${reason}`; shown when it is missing. */
  readonly reason?: string
  /** Ends this one command when aborted (a VM that has served its purpose); it rejects with `interrupted` or the reason given. */
  readonly signal?: AbortSignal
}

export interface RunResult {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

/**
 * Runs one command to its end. Errors (PipelineError): `tool-missing` (exit 3), `tool-failed`,
 * `tool-timeout`, `tool-signal` (exit 4), `interrupted` (exit 130).
 */
export type Run = (command: Command, options?: RunOptions) => Promise<RunResult>

/** One end of a pipe. */
export interface PipeEnd {
  readonly command: Command
  readonly options?: RunOptions
}

/**
 * Runs `from | to` without a shell: a kernel pipe, so that gigabytes never pass through this process.
 * Resolves with the result of `to`. Errors as of `Run`, of the end that failed first; the other end is ended then.
 */
export type RunPiped = (from: PipeEnd, to: PipeEnd) => Promise<RunResult>

const plainWord = /^[A-Za-z0-9_@%+=:,./-]+$/

/** One line that a POSIX shell reads back as exactly this command. */
export function formatCommand(command: Command): string {
  return command.map(word => (plainWord.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`)).join(' ')
}
