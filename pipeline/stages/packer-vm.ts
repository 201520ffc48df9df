/** Runs one rendered Packer template and turns what went wrong in its VM into one error. */
import { readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { exitCodes } from '../errors/exit-codes.js'
import { builderVmFailed, builderVmTimeout, diskFull, installerStopped } from '../errors/stages.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { interrupted } from '../errors/tools.js'
import { formatCommand } from '../tools/command.js'
import { nearlyFullBytes, watchFreeBytes } from '../tools/free-space.js'
import { packerBuild, packerEnvironment, packerValidate } from '../tools/packer.js'
import { explanation, troubleIn } from './anaconda-watch.js'
import type { Trouble } from './anaconda-watch.js'
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
  /** How long the VM may take for its work, with the factor for emulation in it. */
  readonly seconds: number
  /** True when the VM must say `PIPELINE <stage> done` on its serial console. */
  readonly announcesEnd: boolean
  /**
   * Set where Anaconda runs, which after an error waits for a person: the VM is ended this long after it said so, or
   * asked. The lines that explain come in between.
   */
  readonly endAfterTroubleMs?: number
  readonly secrets?: readonly string[]
}

/**
 * Packer waits as long as the VM's work may take for its start, and again for its end; what comes in between it does not
 * limit at all.
 */
const timesInAll = 4

/**
 * Validates and runs the template; afterwards the disk is `<directory>/disk.raw`. Returns its path.
 * Errors: `builder-vm-failed`, `builder-vm-timeout`, `installer-stopped`; `disk-full` in their place where the folder's
 * disk was (exit 4).
 */
export async function runPackerVm(vm: PackerVm, context: VmContext): Promise<string> {
  const leastFree = watchFreeBytes(vm.directory)
  try {
    return await buildDisk(vm, context)
  } catch (error) {
    throw asDiskFull(vm, error, await leastFree())
  } finally {
    await leastFree()
  }
}

/** A guest that cannot write fails in any words, or hangs: the reason is the disk of this host. */
function asDiskFull({ stage, directory }: PackerVm, error: unknown, freeBytes: number): unknown {
  if (freeBytes > nearlyFullBytes || !(error instanceof PipelineError) || error.exitCode !== exitCodes.stage) return error
  return diskFull({ what: stage, place: directory, freeBytes, details: [error.message, ...error.details], cause: error })
}

async function buildDisk(vm: PackerVm, context: VmContext): Promise<string> {
  const template = join(vm.directory, `${vm.stage}.json`)
  const serialLog = serialLogPath(context.logDirectory, vm.stage)
  const logFile = join(context.logDirectory, `${vm.stage}.packer.log`)
  await Promise.all([writeFile(template, vm.template), ...[serialLog, logFile].map(log => rm(log, { force: true }))])
  const command = packerBuild(template)
  const env = { ...packerEnvironment(vm.directory), ...context.guardEnvironment(vm.stage) }
  const options = {
    env,
    cwd: vm.directory,
    logFile,
    reason: `run the ${vm.stage} stage`,
    ...(vm.secrets ? { secrets: vm.secrets } : {}),
  }
  await context.run(packerValidate(template), options)
  const marks = listen(vm, context)
  const unfollow = followLog(serialLog, marks.onLine, marks.onRest)
  try {
    await context.run(command, { ...options, onLine: marks.onLine, signal: marks.ended, timeoutMs: vm.seconds * timesInAll * 1000 })
    await unfollow()
  } catch (error) {
    await unfollow()
    throw await explain({ vm, serialLog, command: formatCommand(command), said: marks.said }, error)
  } finally {
    marks.close()
  }
  if (vm.announcesEnd) await requireEnd({ vm, serialLog, command: formatCommand(command), said: marks.said })
  const disk = join(vm.directory, diskName)
  await rename(join(vm.directory, packerOutput, diskName), disk)
  await Promise.all(
    [packerOutput, 'packer-cache', `${vm.stage}.json`].map(name =>
      rm(join(vm.directory, name), { recursive: true, force: true })
    )
  )
  return disk
}

interface Said {
  /** The VM's own words on what failed. */
  failed?: string
  done?: true
  /** The last step it named. */
  last?: string
  /** Anaconda's own. */
  trouble?: Trouble
}

interface Ending {
  readonly vm: PackerVm
  readonly serialLog: string
  readonly command: string
  readonly said: Said
}

/** Ends a VM that will not come further; told from an interruption by the user by its identity. */
const waitedEnough = interrupted()

interface Ears {
  readonly onLine: (line: string) => void
  readonly onRest: (rest: string) => void
  readonly said: Said
  /** Aborted when nothing more is to be waited for. */
  readonly ended: AbortSignal
  readonly close: () => void
}

function listen({ stage, endAfterTroubleMs }: PackerVm, context: VmContext): Ears {
  const said: Said = {}
  const ending = new AbortController()
  let timer: NodeJS.Timeout | undefined
  const endSoon = () => {
    if (endAfterTroubleMs !== undefined) timer ??= setTimeout(() => ending.abort(waitedEnough), endAfterTroubleMs)
  }
  const look = (line: string) => {
    if (endAfterTroubleMs === undefined || said.trouble) return
    const [text = ''] = cleanSerial(line.trimEnd())
    const trouble = troubleIn(text)
    if (!trouble) return
    said.trouble = trouble
    endSoon()
  }
  const onLine = (line: string) => {
    look(line)
    const found = mark.exec(line.trimEnd())?.groups
    if (found?.['stage'] !== stage) return
    if (found['end'] === ' failed') {
      said.failed = found['what'] ?? 'without a reason'
      endSoon()
    }
    else if (found['end'] === ' done') said.done = true
    else if (found['what']) {
      said.last = found['what']
      context.progress(found['what'])
    }
  }
  return { onLine, onRest: look, said, ended: ending.signal, close: () => clearTimeout(timer) }
}

/** Packer is content with any power-off; only the VM's own last word says that its work is done. */
async function requireEnd(ending: Ending): Promise<void> {
  if (ending.said.done && !ending.said.trouble) return
  if (ending.said.trouble && !ending.said.failed) throw await stopped(ending, ending.said.trouble)
  const what = ending.said.failed ?? 'the VM powered off without saying that it was done'
  throw builderVmFailed({ ...(await failureOf(ending)), what })
}

/** Without a communicator Packer waits for the power-off, and at the time limit says only that there was none. */
const tooLate = /timeout|failed to shutdown/i

async function explain(ending: Ending, error: unknown): Promise<unknown> {
  const { failed, trouble } = ending.said
  if (!(error instanceof PipelineError)) return error
  if (error !== waitedEnough && !/^tool-(failed|signal|timeout)$/.test(error.code)) return error
  const failure = { ...(await failureOf(ending)), cause: error }
  if (failed !== undefined) return builderVmFailed({ ...failure, what: failed })
  if (trouble) return await stopped(ending, trouble, error)
  const overall = error.code === 'tool-timeout'
  if (overall || error.details.some(line => tooLate.test(line))) {
    const what = ending.said.last ? `its last step was "${ending.said.last}"` : 'it named no step'
    return builderVmTimeout({ ...failure, seconds: ending.vm.seconds * (overall ? timesInAll : 1), what })
  }
  return builderVmFailed({ ...failure, what: error.code === 'tool-signal' ? error.message : packerSaid(error.details) })
}

/** Anaconda's own words, with the lines around them instead of the last ones. */
async function stopped(ending: Ending, trouble: Trouble, cause?: unknown): Promise<PipelineError> {
  const text = await readFile(ending.serialLog, 'utf8').catch(() => '')
  const { vm, serialLog, command } = ending
  return installerStopped({ stage: vm.stage, trouble, serialLog, command, lines: explanation(cleanSerial(text)), cause })
}

async function failureOf(ending: Ending) {
  const text = await readFile(ending.serialLog, 'utf8').catch(() => '')
  return {
    stage: ending.vm.stage,
    serialLog: ending.serialLog,
    command: ending.command,
    lastLines: cleanSerial(text).slice(-lastLineCount),
  }
}

const lastLineCount = 20

/** Packer's own error line, else its last line. */
function packerSaid(details: readonly string[]): string {
  const errorLine = details.findLast(line => /error|exited|failed/i.test(line))
  return (errorLine ?? details.at(-1) ?? 'Packer gave no reason').replace(/^[=\->\s|]*/, '').trim()
}
