/** Runs one rendered Packer template and turns what went wrong in its VM into one error. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { builderVmFailed, builderVmTimeout } from '../errors/stages.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { formatCommand } from '../tools/command.js'
import { packerBuild, packerEnvironment, packerValidate } from '../tools/packer.js'
import { cleanSerial, diskName, packerOutput, serialLogPath } from './builder-vm.js'
import { followLog } from './follow.js'
import type { VmContext } from './types.js'

/** Lines the VM prints for us, on its serial console or through SSH: `PIPELINE <stage>: <what>`. */
const mark = /PIPELINE (?<stage>\w+)(?<end> done| failed)?(?:: (?<what>.*))?$/

export interface PackerVm {
  readonly stage: 'install' | 'provision'
  /** Rendered Packer JSON. */
  readonly template: string
  /** The stage's folder; Packer's output folder and its temporary files are below it. */
  readonly directory: string
  readonly seconds: number
  /** True when the VM must say `PIPELINE <stage> done` on its serial console. */
  readonly announcesEnd: boolean
  readonly secrets?: readonly string[]
}

/** Validates and runs the template; afterwards the disk is `<directory>/disk.raw`. Returns its path. */
export async function runPackerVm(vm: PackerVm, context: VmContext): Promise<string> {
  const template = join(vm.directory, `${vm.stage}.json`)
  const serialLog = serialLogPath(context.logDirectory, vm.stage)
  await Promise.all([writeFile(template, vm.template), rm(serialLog, { force: true })])
  const command = packerBuild(template)
  const env = { ...packerEnvironment(vm.directory), ...context.guardEnvironment(vm.stage) }
  const options = {
    env,
    cwd: vm.directory,
    logFile: join(context.logDirectory, `${vm.stage}.packer.log`),
    reason: `run the ${vm.stage} stage`,
    ...(vm.secrets ? { secrets: vm.secrets } : {}),
  }
  await context.run(packerValidate(template), options)
  const progress = progressOf(vm.stage, context)
  const unfollow = followLog(serialLog, progress)
  try {
    await context.run(command, { ...options, onLine: progress })
    await unfollow()
    if (vm.announcesEnd) await requireEnd(vm, serialLog, formatCommand(command))
  } catch (error) {
    await unfollow()
    throw await explain(vm, serialLog, formatCommand(command), error)
  }
  const disk = join(vm.directory, diskName)
  await rename(join(vm.directory, packerOutput, diskName), disk)
  await Promise.all(
    [packerOutput, 'packer-cache', `${vm.stage}.json`].map(name =>
      rm(join(vm.directory, name), { recursive: true, force: true })
    )
  )
  return disk
}

function progressOf(stage: string, context: VmContext): (line: string) => void {
  return line => {
    const found = mark.exec(line.trimEnd())?.groups
    if (found?.['stage'] === stage && found['what'] && !found['end']) context.progress(found['what'])
  }
}

/** Packer is content with any power-off; only the VM's own last word says that its work is done. */
async function requireEnd(vm: PackerVm, serialLog: string, command: string): Promise<void> {
  const lines = await serialLines(serialLog)
  if (lines.some(line => mark.exec(line)?.groups?.['end'] === ' done')) return
  throw builderVmFailed({
    stage: vm.stage,
    what: 'the VM powered off without saying that it was done',
    serialLog,
    command,
    lastLines: lines.slice(-lastLineCount),
  })
}

const lastLineCount = 20

async function explain(
  vm: PackerVm,
  serialLog: string,
  command: string,
  error: unknown
): Promise<unknown> {
  if (!(error instanceof PipelineError) || !['tool-failed', 'builder-vm-failed'].includes(error.code)) {
    return error
  }
  const lines = await serialLines(serialLog)
  const own = lines.map(line => mark.exec(line)?.groups).findLast(found => found?.['end'] === ' failed')
  const failure = {
    stage: vm.stage,
    serialLog,
    command,
    lastLines: lines.slice(-lastLineCount),
    cause: error,
  }
  const said = error.details.join('\n')
  if (own?.['what']) return builderVmFailed({ ...failure, what: own['what'] })
  if (error.code === 'builder-vm-failed') return error
  if (/[Tt]imeout/.test(said)) {
    const what = lines.findLast(line => mark.test(line)) ?? 'the VM printed no progress'
    return builderVmTimeout({ ...failure, seconds: vm.seconds, what })
  }
  return builderVmFailed({ ...failure, what: packerSaid(error.details) })
}

/** Packer's own error line, else its last line. */
function packerSaid(details: readonly string[]): string {
  const errorLine = details.findLast(line => /error|exited|failed/i.test(line))
  return (errorLine ?? details.at(-1) ?? 'Packer gave no reason').replace(/^[=\->\s|]*/, '').trim()
}

async function serialLines(path: string): Promise<string[]> {
  return cleanSerial(await readFile(path, 'utf8').catch(() => ''))
}
