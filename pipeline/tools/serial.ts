/** A VM's serial console: waits for text, types, and keeps a log that can be paused while secrets are shown. */
import { createWriteStream } from 'node:fs'
import type { Socket } from 'node:net'
import { finished } from 'node:stream/promises'
import { vmEnded, vmSilent } from '../errors/qemu.js'
import { logNotWritable } from '../errors/tools.js'

export interface Awaited {
  readonly timeoutMs: number
  /** What the pattern means, as in `did not show ${what}`. */
  readonly what: string
}

export interface SerialConsole {
  /**
   * Waits for the pattern in what came since the last match; the text up to its end is then used up.
   * Prompts need no line end. Errors: `vm-silent`, `vm-ended` (exit 4), with the last lines; `log-not-writable` (exit 3).
   */
  waitFor(pattern: RegExp, awaited: Awaited): Promise<RegExpExecArray>
  /** Types the text as it is; "\r" is the Enter key. */
  type(text: string): void
  /** Called with each finished line, also while the log is paused. */
  onLine(listener: (line: string) => void): void
  /** From here to `resumeLog` nothing is written to the log, nor shown in errors. */
  pauseLog(): void
  resumeLog(): void
  /** The last lines that may be shown. */
  lastLines(): readonly string[]
  /** What came since the last match, also while the log was paused: it may hold secrets. */
  unmatchedLines(): readonly string[]
  /** Resolves when the VM has closed its end and the log is written. */
  readonly closed: Promise<void>
}

interface Waiter {
  readonly pattern: RegExp
  readonly awaited: Awaited
  readonly resolve: (match: RegExpExecArray) => void
  readonly reject: (error: Error) => void
  readonly timer: NodeJS.Timeout
}

interface State {
  unread: string
  line: string
  paused: boolean
  ended: boolean
  /** Without its log a failure could not be explained: nothing is waited for any more. */
  failure?: Error
}

const lastLineCount = 25
const pauseNote = '[not kept: credentials were shown here]'
/** A longer tail without a match is of no use to a pattern of ours. */
const unreadLimit = 256 * 1024

/** Takes over a connected socket. @param logFile appended to; holds everything but what came while paused */
export function attachSerial(socket: Socket, logFile: string): SerialConsole {
  const log = createWriteStream(logFile, { flags: 'a' })
  const listeners: ((line: string) => void)[] = []
  const shown: string[] = []
  const state: State = { unread: '', line: '', paused: false, ended: false }
  let waiter: Waiter | undefined
  log.on('error', error => {
    state.failure ??= logNotWritable(logFile, error.message)
    settle()
  })

  const onLine = (raw: string) => {
    const line = cleanLine(raw)
    if (line === '') return
    if (!state.paused) shown.push(line)
    if (shown.length > lastLineCount) shown.shift()
    for (const listener of listeners) listener(line)
  }
  const settle = () => {
    if (!waiter) return
    const { pattern, awaited, resolve, reject, timer } = waiter
    const match = pattern.exec(state.unread)
    if (!match && !state.ended && !state.failure) return
    clearTimeout(timer)
    waiter = undefined
    if (!match) return reject(state.failure ?? vmEnded(awaited.what, shown))
    state.unread = state.unread.slice(match.index + match[0].length)
    resolve(match)
  }
  const onText = (text: string) => {
    if (!state.paused) log.write(text)
    state.unread = (state.unread + stripControls(text)).slice(-unreadLimit)
    const lines = (state.line + text).split('\n')
    state.line = lines.pop() ?? ''
    lines.forEach(onLine)
    settle()
  }
  const closed = followSocket(socket, onText).then(async () => {
    state.ended = true
    settle()
    log.end()
    // A log that could not be written has been told of.
    await finished(log).catch(() => {})
  })
  return {
    waitFor: (pattern, awaited) =>
      new Promise((resolve, reject) => {
        if (waiter) throw new TypeError('one wait at a time')
        const seconds = Math.round(awaited.timeoutMs / 1000)
        const giveUp = () => {
          waiter = undefined
          reject(vmSilent(awaited.what, seconds, shown))
        }
        waiter = { pattern, awaited, resolve, reject, timer: setTimeout(giveUp, awaited.timeoutMs) }
        settle()
      }),
    type: text => void (socket.writable && socket.write(text)),
    onLine: listener => void listeners.push(listener),
    pauseLog: () => {
      if (!state.paused) log.write(`${pauseNote}\n`)
      state.paused = true
    },
    resumeLog: () => void (state.paused = false),
    lastLines: () => [...shown],
    unmatchedLines: () => state.unread.split('\n').map(cleanLine).filter(line => line !== ''),
    closed,
  }
}

function followSocket(socket: Socket, onText: (text: string) => void): Promise<void> {
  socket.setEncoding('utf8')
  socket.on('data', onText)
  // QEMU resets the connection when it is killed; that is an end like any other.
  socket.on('error', () => {})
  return new Promise(resolve => socket.once('close', () => resolve()))
}

/** Colours, cursor moves, terminal questions: what a person would not see. */
function stripControls(text: string): string {
  return text.replace(/\u001b(?:\[[0-9;?]*[A-Za-z]|\][^\u0007\u001b]*(?:\u0007|\u001b\\)|[()][A-Z0-9]|[=>c78])/g, '')
}

function cleanLine(raw: string): string {
  return stripControls(raw).replace(/\r+$/, '').split('\r').at(-1)?.trimEnd() ?? ''
}
