#!/usr/bin/env node
/** The command line: reads arguments, runs one command, turns every error into its message and exit code. */
import { pathToFileURL } from 'node:url'
import { realpathSync } from 'node:fs'
import { CommanderError } from 'commander'
import { createProgram } from './commands/program.js'
import type { CommandIo } from './commands/io.js'
import { streamBroken } from './errors/commands.js'
import { exitCodes } from './errors/exit-codes.js'
import { PipelineError, formatError } from './errors/pipeline-error.js'
import { secretsOf } from './release/keys.js'
import { createMasker } from './tools/mask.js'

/** Runs the command line; resolves with the exit code and never throws. */
export async function main(argv: readonly string[], io: CommandIo): Promise<number> {
  try {
    await createProgram(io).parseAsync([...argv], { from: 'user' })
    return exitCodes.done
  } catch (error) {
    return report(error, io)
  }
}

function report(error: unknown, io: CommandIo): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage
  const mask = createMasker(secretsOf(io.env))
  if (error instanceof PipelineError) {
    io.stderr.write(`${mask(formatError(error))}\n`)
    return error.exitCode
  }
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error)
  io.stderr.write(`This is a bug of the pipeline; please report it with the lines below.\n${mask(stack)}\n`)
  return exitCodes.bug
}

if (process.argv[1] && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  const { stdout, stderr, env } = process
  const io = { stdout, stderr, env }
  let broken: PipelineError | undefined
  for (const [name, stream] of [['standard output', stdout], ['standard error', stderr]] as const) {
    // A reader that goes away (`| head -1`) has what it wanted; what was begun goes on.
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EPIPE') broken ??= streamBroken(name, error.message)
    })
  }
  process.exitCode = await main(process.argv.slice(2), io)
  // Writes fail a turn later.
  process.on('beforeExit', () => {
    if (broken && process.exitCode === exitCodes.done) process.exitCode = report(broken, io)
  })
}
