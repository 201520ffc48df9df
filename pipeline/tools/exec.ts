/** The only place that starts programs: own process group, small environment, masked log, errors told apart. */
import { existsSync } from 'node:fs'
import { execa } from 'execa'
import type { Options } from 'execa'
import { PipelineError } from '../errors/pipeline-error.js'
import { interrupted, logNotWritable, toolNotStartable, toolOutputTooLarge, toolTimeout } from '../errors/tools.js'
import type { ToolFailure } from '../errors/tools.js'
import { childEnvironment } from './child-env.js'
import { formatCommand } from './command.js'
import type { Command, Run, RunOptions, RunResult } from './command.js'
import { createMasker, proxyPasswords } from './mask.js'
import { endLine, judge } from './outcome.js'
import type { Ended } from './outcome.js'
import { captureOutput } from './output.js'
import type { Output } from './output.js'
import { endGroup, sendToGroup } from './process.js'

const mib = 1024 * 1024
const stdoutLimitBytes = 64 * mib
const defaultGraceMs = 10_000

/** How long the streams may stay open after the last process of the group is gone. */
const drainMs = 2000

export interface SpawnedGroup {
  /** Pid of the command, and number of its process group. */
  readonly pid: number
  /** The command line, secrets masked. */
  readonly command: string
}

export interface RunSettings {
  /** Aborted: every running command is ended, later ones are refused. A PipelineError as reason is what they reject with. */
  readonly signal: AbortSignal
  /** The environment that PATH, HOME, proxies and CA bundles are taken from. */
  readonly parentEnv: Readonly<Record<string, string | undefined>>
  /** Masked for every command, besides RunOptions.secrets. */
  readonly secrets?: readonly string[]
  /** Called right after a start; the function it returns is called when the whole group is gone. */
  readonly onSpawn?: (group: SpawnedGroup) => (() => void) | void
  /** Time between SIGTERM and SIGKILL, ms. @default 10000 */
  readonly graceMs?: number
}

/** File descriptors in place of the usual streams, for an end of a pipe. */
export interface Wiring {
  readonly stdin?: number
  readonly stdout?: number
}

const running = new Set<number>()
// Whatever way this process ends by itself, no child stays behind; after kill -9 the leases do this.
process.on('exit', () => {
  for (const group of running) sendToGroup(group, 'SIGKILL')
})

/** Makes the Run that everything else gets as a parameter. */
export function createRun(settings: RunSettings): Run {
  return (command, options = {}) => execute(settings, command, options)
}

/** One command to its end. Errors as of `Run`. */
export async function execute(
  settings: RunSettings,
  command: Command,
  options: RunOptions,
  wiring: Wiring = {}
): Promise<RunResult> {
  const aborted = [settings.signal, options.signal].find(signal => signal?.aborted)
  if (aborted) throw abortReason(aborted)
  if (options.cwd !== undefined && !existsSync(options.cwd)) {
    throw toolNotStartable(command[0], `its working folder ${options.cwd} does not exist`)
  }
  const job = prepare(settings, command, options)
  const { output, stop } = job
  const started = Date.now()
  const ended = stop.error ? {} : await waitFor(job, wiring)
  output.end(endLine(ended, Date.now() - started))
  const failure: ToolFailure = {
    file: command[0],
    command: job.title,
    lastLines: [...output.lastLines()],
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
  }
  const problem = stop.error?.(failure) ?? judge(ended, failure, options)
  if (problem) throw problem
  return { stdout: output.stdoutText(), stderr: output.stderrText(), exitCode: ended.exitCode ?? 0 }
}

/** Why the child is ended early: the first reason counts, later ones are only its consequences. */
interface Stop {
  error: ((failure: ToolFailure) => PipelineError) | undefined
  end: () => void
}

interface Job {
  readonly settings: RunSettings
  readonly command: Command
  readonly options: RunOptions
  /** The command line, secrets masked. */
  readonly title: string
  readonly output: Output
  readonly stop: Stop
}

function prepare(settings: RunSettings, command: Command, options: RunOptions): Job {
  const masker = createMasker([
    ...(settings.secrets ?? []),
    ...(options.secrets ?? []),
    ...proxyPasswords(settings.parentEnv),
  ])
  const stop: Stop = { error: undefined, end: () => {} }
  const title = masker(formatCommand(command))
  const output = captureOutput({
    masker,
    title,
    stdoutLimitBytes,
    ...(options.logFile === undefined ? {} : { logFile: options.logFile }),
    ...(options.onLine ? { onLine: options.onLine } : {}),
    onTooLarge: () => stopFor(stop, failure => toolOutputTooLarge(failure, stdoutLimitBytes / mib)),
    onLogError: error => stopFor(stop, () => logNotWritable(options.logFile ?? '', error.message)),
  })
  return { settings, command, options, title, output, stop }
}

function stopFor(stop: Stop, error: (failure: ToolFailure) => PipelineError): void {
  stop.error ??= error
  stop.end()
}

/** Starts the child and waits until its whole group is gone and its streams are read. */
async function waitFor(job: Job, wiring: Wiring): Promise<Ended> {
  const { settings, output, stop } = job
  const child = spawn(job, wiring)
  const { pid } = child
  if (pid === undefined) return { startError: startErrorOf(await child) }
  running.add(pid)
  const release = settings.onSpawn?.({ pid, command: job.title })
  let ending: Promise<void> | undefined
  const endOnce = () => (ending ??= endGroup(pid, settings.graceMs ?? defaultGraceMs))
  stop.end = () => void endOnce()
  const disarm = arm(job)
  child.stdout?.on('data', output.stdout)
  child.stderr?.on('data', output.stderr)
  let drained: NodeJS.Timeout | undefined
  child.once('exit', () => {
    disarm()
    // A grandchild left behind would hold the streams open, and with them this command.
    void endOnce().then(() => {
      drained = setTimeout(() => [child.stdout, child.stderr].forEach(stream => stream?.destroy()), drainMs)
    })
  })
  const { exitCode, signal } = await child
  await endOnce()
  clearTimeout(drained)
  running.delete(pid)
  release?.()
  return { ...(exitCode === undefined ? {} : { exitCode }), ...(signal === undefined ? {} : { signal }) }
}

/** execa takes any descriptor; its types name only those up to 9. */
type Descriptor = 3

function spawn({ settings, command, options }: Job, wiring: Wiring) {
  const [file, ...args] = command
  const input = options.input ?? options.inputBytes
  const given = {
    env: childEnvironment(settings.parentEnv, options.env),
    extendEnv: false,
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
    ...(input === undefined ? {} : { input }),
    stdin: input === undefined ? ((wiring.stdin as Descriptor | undefined) ?? 'ignore') : 'pipe',
    stdout: ((wiring.stdout ?? options.stdoutTo) as Descriptor | undefined) ?? 'pipe',
    stderr: 'pipe',
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
  } as const satisfies Options
  return execa(file, args, given)
}

function startErrorOf(result: { readonly cause?: unknown }): NodeJS.ErrnoException {
  return result.cause instanceof Error ? result.cause : new Error('no reason given')
}

/** Ends the child on timeout and on abort; returns what takes both back. */
function arm({ settings, options, stop }: Job): () => void {
  const { timeoutMs } = options
  const onTimeout = (milliseconds: number) => () =>
    stopFor(stop, failure => toolTimeout(failure, Math.round(milliseconds / 100) / 10))
  const timer = timeoutMs === undefined ? undefined : setTimeout(onTimeout(timeoutMs), timeoutMs)
  const listening = [settings.signal, options.signal].flatMap(signal => (signal ? [listen(signal, stop)] : []))
  return () => {
    clearTimeout(timer)
    listening.forEach(remove => remove())
  }
}

function listen(signal: AbortSignal, stop: Stop): () => void {
  const onAbort = () => stopFor(stop, () => abortReason(signal))
  signal.addEventListener('abort', onAbort)
  return () => signal.removeEventListener('abort', onAbort)
}

function abortReason(signal: AbortSignal): PipelineError {
  return signal.reason instanceof PipelineError ? signal.reason : interrupted()
}
