/** What a child prints: masked into its log line by line, kept within bounds for the result and for errors. */
import { closeSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import type { Masker } from './mask.js'

const lastLineCount = 20
const stderrKeptLength = 1024 * 1024

/** A line longer than this is passed on in pieces, so that a program without line breaks cannot fill memory. */
const longestLine = 256 * 1024

export interface OutputSettings {
  readonly masker: Masker
  readonly logFile?: string
  /** First line of this command in the log. */
  readonly title: string
  readonly onLine?: (line: string) => void
  readonly stdoutLimitBytes: number
  /** Called once, when stdout grows past its limit. */
  readonly onTooLarge: () => void
  /** Called when the log cannot be written; nothing more is written then. */
  readonly onLogError: (error: Error) => void
}

export interface Output {
  readonly stdout: (chunk: Buffer) => void
  readonly stderr: (chunk: Buffer) => void
  /** Passes on unfinished last lines and closes the log with `lastLine`. Must be called before the results are read. */
  readonly end: (lastLine: string) => void
  readonly stdoutText: () => string
  readonly stderrText: () => string
  /** Of both streams, masked. */
  readonly lastLines: () => readonly string[]
}

export function captureOutput(settings: OutputSettings): Output {
  const log = openLog(settings)
  const last: string[] = []
  const pass = (line: string) => {
    if (line.trim() !== '') last.push(line.slice(0, 1000))
    if (last.length > lastLineCount) last.shift()
    log.write(line)
    settings.onLine?.(line)
  }
  const lines = { stdout: splitLines(settings.masker, pass), stderr: splitLines(settings.masker, pass) }
  const kept = { chunks: [] as Buffer[], bytes: 0, tooLarge: false, stderr: '' }
  const decoder = new StringDecoder('utf8')
  return {
    stdout: chunk => {
      lines.stdout.add(chunk)
      kept.bytes += chunk.length
      if (kept.bytes <= settings.stdoutLimitBytes) kept.chunks.push(chunk)
      else if (!kept.tooLarge) {
        kept.tooLarge = true
        settings.onTooLarge()
      }
    },
    stderr: chunk => {
      lines.stderr.add(chunk)
      kept.stderr = (kept.stderr + decoder.write(chunk)).slice(-stderrKeptLength)
    },
    end: lastLine => {
      lines.stdout.end()
      lines.stderr.end()
      log.write(lastLine)
      log.close()
    },
    stdoutText: () => Buffer.concat(kept.chunks).toString('utf8'),
    stderrText: () => kept.stderr,
    lastLines: () => last,
  }
}

interface Lines {
  readonly add: (chunk: Buffer) => void
  readonly end: () => void
}

/** Cuts a stream into masked lines; a secret split over two chunks is masked, because only whole lines are. */
function splitLines(masker: Masker, pass: (line: string) => void): Lines {
  const decoder = new StringDecoder('utf8')
  let rest = ''
  const add = (text: string) => {
    const found = (rest + text).split('\n')
    rest = found.pop() ?? ''
    for (const line of found) pass(masker(line.replace(/\r$/, '')))
    if (rest.length <= longestLine) return
    const masked = masker(rest)
    const cut = masked.length - masker.longest
    pass(masked.slice(0, cut))
    rest = masked.slice(cut)
  }
  return {
    add: chunk => add(decoder.write(chunk)),
    end: () => {
      add(decoder.end())
      if (rest !== '') pass(masker(rest))
      rest = ''
    },
  }
}

interface Log {
  readonly write: (line: string) => void
  readonly close: () => void
}

/** Synchronous on purpose: what a killed pipeline's log says is what had come, and lines stay in order. */
function openLog({ logFile, title, onLogError }: OutputSettings): Log {
  if (logFile === undefined) return { write: () => {}, close: () => {} }
  let descriptor: number | undefined
  const attempt = (action: () => void) => {
    try {
      action()
    } catch (error) {
      if (descriptor !== undefined) closeSync(descriptor)
      descriptor = undefined
      onLogError(error as Error)
    }
  }
  const write = (line: string) => {
    attempt(() => {
      if (descriptor !== undefined) writeSync(descriptor, `${line}\n`)
    })
  }
  attempt(() => {
    mkdirSync(dirname(logFile), { recursive: true })
    descriptor = openSync(logFile, 'a', 0o644)
  })
  write(`$ ${title}`)
  return {
    write,
    close: () => {
      if (descriptor !== undefined) closeSync(descriptor)
      descriptor = undefined
    },
  }
}
