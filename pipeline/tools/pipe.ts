/** `from | to` without a shell: a kernel pipe between two commands, and the right one of two failures. */
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PipelineError } from '../errors/pipeline-error.js'
import { interrupted } from '../errors/tools.js'
import type { PipeEnd, RunPiped, RunResult } from './command.js'
import { execute } from './exec.js'
import type { RunSettings, Wiring } from './exec.js'

/** Makes the RunPiped that stages get as a parameter; same settings as createRun. */
export function createRunPiped(settings: RunSettings): RunPiped {
  return async (from, to) => {
    const pipe = await openPipe(settings)
    const source = startEnd(settings, from, { stdout: pipe.write })
    const sink = startEnd(settings, to, { stdin: pipe.read })
    // Both children have their copies now; ours would keep the pipe open when one of them ends.
    closeSync(pipe.write)
    closeSync(pipe.read)
    const first = await Promise.race([firstFailure(source), firstFailure(sink), bothDone(source, sink)])
    if (first !== undefined) throw await rootCause(first, source, sink)
    return await sink.done
  }
}

interface End {
  readonly done: Promise<RunResult>
  /** Ends this side; what it rejects with then is not looked at. */
  readonly end: () => void
}

function startEnd(settings: RunSettings, { command, options = {} }: PipeEnd, wiring: Wiring): End {
  const controller = new AbortController()
  const given = options.signal
  const signal = given ? AbortSignal.any([given, controller.signal]) : controller.signal
  return {
    done: execute(settings, command, { ...options, signal }, wiring),
    end: () => controller.abort(interrupted()),
  }
}

interface Failed {
  readonly error: unknown
  readonly by: End
}

function firstFailure(by: End): Promise<Failed | undefined> {
  return by.done.then(
    () => new Promise<undefined>(() => {}),
    (error: unknown) => ({ error, by })
  )
}

async function bothDone(source: End, sink: End): Promise<undefined> {
  await Promise.allSettled([source.done, sink.done])
  return undefined
}

/** How long the reader may take to say why it closed the pipe, ms. */
const readerSpeaksMs = 5000

/** Ends the other side, and returns the error that came first in cause, not only in time. */
async function rootCause(first: Failed, source: End, sink: End): Promise<unknown> {
  if (first.by === sink) {
    source.end()
    await Promise.allSettled([source.done])
    return first.error
  }
  // A writer that found the pipe closed is a consequence: ask the reader.
  const timer = setTimeout(sink.end, isBrokenPipe(first.error) ? readerSpeaksMs : 0)
  const [read] = await Promise.allSettled([sink.done])
  clearTimeout(timer)
  const readerFailed =
    read.status === 'rejected' && !(read.reason instanceof PipelineError && read.reason.code === 'interrupted')
  return isBrokenPipe(first.error) && readerFailed ? read.reason : first.error
}

function isBrokenPipe(error: unknown): boolean {
  if (!(error instanceof PipelineError)) return false
  const text = [error.message, ...error.details].join('\n')
  return /SIGPIPE|EPIPE|broken pipe|exit code 141\b/i.test(text)
}

/** A pipe with its two ends as descriptors: Node makes none, so a FIFO is made, opened and its name removed. */
async function openPipe(settings: RunSettings): Promise<{ read: number; write: number }> {
  const directory = mkdtempSync(join(tmpdir(), 'pipeline-pipe-'))
  const path = join(directory, 'pipe')
  try {
    await execute(settings, ['mkfifo', '-m', '600', path], { reason: 'connect two commands' })
    // Reader first, and neither blocks; the children get both ends in blocking mode again.
    const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
    const write = openSync(path, constants.O_WRONLY)
    return { read, write }
  } finally {
    rmSync(directory, { recursive: true })
  }
}
