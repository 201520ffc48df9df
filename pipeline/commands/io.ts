/** What a command may touch of the world besides files and programs. */
export interface CommandIo {
  /** Results only: paths, or one JSON document. */
  readonly stdout: NodeJS.WritableStream
  /** Progress and errors. */
  readonly stderr: NodeJS.WriteStream
  readonly env: NodeJS.ProcessEnv
}

export function printLine(io: Pick<CommandIo, 'stdout'>, text: string): void {
  io.stdout.write(`${text}\n`)
}

export function printJson(io: Pick<CommandIo, 'stdout'>, value: unknown): void {
  printLine(io, JSON.stringify(value, null, 2))
}
