/** Commands as lines for a POSIX shell: what a dry run prints. */
import { join } from 'node:path'
import { diskName, packerOutput } from '../stages/builder-vm.js'
import { formatCommand } from '../tools/command.js'
import type { Command, Run, RunOptions } from '../tools/command.js'
import { packerBuild, packerEnvironment, packerValidate } from '../tools/packer.js'

/** A Run that answers every command with nothing, and keeps it as a line for a shell. */
export function record(): { readonly run: Run; readonly lines: string[] } {
  const lines: string[] = []
  const run: Run = async (command, options = {}) => {
    lines.push(shellLine(command, options))
    return { stdout: '', stderr: '', exitCode: 0 }
  }
  return { run, lines }
}

/** Packer in its folder, and the disk where the next stage looks for it. */
export function packerLines(directory: string, template: string): string[] {
  const options = { env: packerEnvironment(directory), cwd: directory }
  return [
    shellLine(packerValidate(template), options),
    shellLine(packerBuild(template), options),
    formatCommand(['mv', join(directory, packerOutput, diskName), join(directory, diskName)]),
  ]
}

/** What a `Run` would do, for a shell: with its environment, in its folder, fed with its input. */
export function shellLine(command: Command, { env = {}, cwd, input }: RunOptions): string {
  const line = [assignments(env), formatCommand(command)].filter(part => part !== '').join(' ')
  const fed = input === undefined ? line : `${line} <<'INPUT'\n${input.replace(/\n?$/, '\n')}INPUT\n`
  return cwd === undefined ? fed.trimEnd() : `(cd ${quote(cwd)} && ${fed})`
}

export function assignments(env: Readonly<Record<string, string>>): string {
  return Object.entries(env).map(([name, value]) => `${name}=${quote(value)}`).join(' ')
}

/** One word of a shell command. */
export function quote(word: string): string {
  return formatCommand([word])
}
