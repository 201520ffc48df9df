/** Boots an exported file as it is, on a copy-on-write layer, and has the system in it checked. */
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PipelineError } from '../errors/pipeline-error.js'
import type { Spec } from '../spec/types.js'
import type { BootPlan } from '../targets/types.js'
import { infoCommand, overlayCommand, parseInfo } from '../tools/qemu-img.js'
import { diskVmCommand, ovmf } from '../tools/qemu.js'
import type { Firmware } from '../tools/qemu.js'
import { startVm } from '../tools/vm.js'
import type { RunningVm } from '../tools/vm.js'
import { openBootDisk } from './boot-disk.js'
import type { Identity } from './verify-copies.js'
import { followLog } from './follow.js'
import { standstillWatch } from './standstill.js'
import { createRecorder } from './verify-record.js'
import { requireRoomIfFailed } from './verify-room.js'
import { bootLabel, bootLogs } from './verify-report.js'
import type { ReportedCheck } from './verify-report.js'
import { nestedVmCheck } from './verify-promises.js'
import { mannersOf } from './verify-manners.js'
import { visit } from './verify-visit.js'
import type { VmContext } from './types.js'

export interface BootRequest {
  readonly spec: Spec
  readonly target: string
  readonly plan: BootPlan
  /** The target's folder in the release. */
  readonly release: string
  /** Folder for what this boot writes; removed afterwards. */
  readonly directory: string
  /** Also the checks that one boot is enough for; the disk is then enlarged. */
  readonly thorough: boolean
}

export interface BootResult {
  readonly checks: readonly ReportedCheck[]
  /** Absent when the boot did not come so far. */
  readonly identity?: Identity
}

const growGib = 2
const bytesPerGib = 1024 ** 3

/** What an emulator gets wrong once says nothing of the artifact; what fails each time is a finding. */
const mostBoots = 3

/**
 * QEMU's emulation is not reliable where it nests or is short of processors (seen in 10.0: it aborts, the nested
 * machine's host finds garbage in its memory, a processor loses its timer): a boot that shows it is made again, and the
 * report says so. With KVM nothing is made again.
 * Errors: `interrupted` (exit 130), a missing tool (3), `disk-full` (4); all else is a failed check.
 */
export async function bootAndCheck(request: BootRequest, context: VmContext): Promise<BootResult> {
  const lost: ReportedCheck[] = []
  for (;;) {
    const { crash, ...result } = await bootOnce(request, lost.length === 0 ? context : inOneThread(context))
    if (crash === undefined || lost.length + 1 === mostBoots) return { ...result, checks: [...lost, ...result.checks] }
    context.progress(`the emulation failed (${crash}); booting again`)
    const { target, plan } = request
    const detail = `the emulation by QEMU ${context.acceleration.qemuVersion} failed: ${crash}; the file was booted again, in one thread`
    lost.push({ target, boot: plan.name, name: `boot ${lost.length + 1}`, status: 'skipped', detail, durationMs: 0 })
  }
}

/** What fails there is seen with several threads that emulate processors. Half the processors take twice the time. */
function inOneThread(context: VmContext): VmContext {
  const { acceleration } = context
  return { ...context, acceleration: { ...acceleration, oneThread: true, timeoutFactor: acceleration.timeoutFactor * 2 } }
}

/** What a program's own fault ends in; SIGKILL comes from outside, from a person or for want of memory. */
const ownFaults = /was ended by SIG(ABRT|SEGV|ILL|BUS)\b/

/** How an emulator came to its end by its own fault; undefined while it runs, or when it ended in another way. */
export async function crashOf(ended: Promise<void>, kind: VmContext['acceleration']['kind']): Promise<string | undefined> {
  if (kind !== 'tcg') return undefined
  const running = new Promise<undefined>(resolve => setImmediate(() => resolve(undefined)))
  const error: unknown = await Promise.race([ended.then(() => undefined, (reason: unknown) => reason), running])
  if (!(error instanceof PipelineError) || error.code !== 'tool-signal' || !ownFaults.test(error.message)) return undefined
  return error.message.replace(/\.$/, '')
}

/** Nobody answers any more: what waits for the guest need not wait for its time limit. The function ends the watch, and tells the reason. */
function watchForStandstill(serialLog: string, onStandstill: () => void): () => Promise<string | undefined> {
  const reasonOf = standstillWatch()
  let found: string | undefined
  const unfollow = followLog(serialLog, line => {
    if (found !== undefined) return
    found = reasonOf(line)
    if (found !== undefined) onStandstill()
  })
  return async () => {
    await unfollow()
    return found
  }
}

/** The first line of what the nested machine's check found, where it failed in emulation. */
export function nestedTrouble(checks: readonly ReportedCheck[], kind: VmContext['acceleration']['kind']): string | undefined {
  if (kind !== 'tcg') return undefined
  return checks.find(({ name, status }) => name === nestedVmCheck && status === 'failed')?.detail.split('\n')[0]
}

async function bootOnce(request: BootRequest, context: VmContext): Promise<BootResult & { readonly crash?: string }> {
  const { target, plan, directory, spec, thorough } = request
  const secrets: string[] = []
  const recorder = createRecorder({ target, boot: plan.name, signal: context.signal, progress: context.progress, secrets })
  const logs = bootLogs(context.logDirectory, bootLabel(target, plan.name))
  const serialLog = logs.serial
  await mkdir(directory, { recursive: true })
  await Promise.all(Object.values(logs).map(log => rm(log, { force: true })))
  const room = { what: `the boot ${plan.name} of ${target}`, directory }
  try {
    const vm = await recorder.check('start', async () => {
      const value = await start(request, context, serialLog)
      return { found: `${plan.machine}, ${plan.firmware}, ${plan.diskDevice}, ${plan.networkDevice}`, value }
    })
    await requireRoomIfFailed(room, recorder.checks)
    if (!vm) return { checks: recorder.checks }
    const { running, imageBytes } = vm
    const standstill = watchForStandstill(serialLog, () => void running.stop())
    try {
      const identity = await visit({ vm: running, imageBytes, spec, account: plan.account, directory, serialLog, thorough, recorder, secrets, context })
      await requireRoomIfFailed(room, recorder.checks)
      const { kind } = context.acceleration
      const crash = (await crashOf(running.ended, kind)) ?? (kind === 'tcg' ? await standstill() : undefined) ?? nestedTrouble(recorder.checks, kind)
      return { checks: recorder.checks, ...(identity ? { identity } : {}), ...(crash === undefined ? {} : { crash }) }
    } finally {
      await standstill()
      await running.stop()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

interface Started {
  readonly running: RunningVm
  readonly imageBytes: number
}

async function start(request: BootRequest, context: VmContext, serialLog: string): Promise<Started> {
  const { plan, directory, spec } = request
  const { run } = context
  const base = await openBootDisk({ plan, release: request.release, directory }, run)
  const overlay = join(directory, 'overlay.qcow2')
  const { virtualBytes } = parseInfo((await run(infoCommand(base), { reason: 'boot an artifact' })).stdout)
  await run(overlayCommand({ base, path: overlay }), { reason: 'boot an artifact' })
  if (request.thorough) {
    await run(['qemu-img', 'resize', '-q', '-f', 'qcow2', overlay, String(virtualBytes + growGib * bytesPerGib)], { reason: 'enlarge the disk' })
  }
  const label = bootLabel(request.target, plan.name)
  const vm = {
    qemuBinary: context.qemuBinary,
    acceleration: context.acceleration,
    cpus: spec.hardware.cpus,
    memoryMib: spec.hardware.memoryMib,
    machine: plan.machine,
    firmware: await prepareFirmware(plan.firmware, directory),
    disk: { path: overlay, format: 'qcow2', device: plan.diskDevice },
    networkDevice: plan.networkDevice,
    ...staticNetworkOf(spec),
  }
  const running = await startVm({
    run,
    command: wires => diskVmCommand({ ...vm, ...wires }),
    guestPorts: Object.values(mannersOf(spec).ports),
    env: context.guardEnvironment(label),
    serialLog,
    qemuLog: bootLogs(context.logDirectory, label).qemu,
  })
  return { running, imageBytes: virtualBytes }
}

/** An appliance of the el family never asks for an address. */
function staticNetworkOf({ family, network }: Spec) {
  return family === 'el' ? { staticNetwork: { address: network.fallbackAddress, gateway: network.fallbackGateway } } : {}
}

/** Every boot starts with empty UEFI variables, as at a person's first start. */
async function prepareFirmware(kind: BootPlan['firmware'], directory: string): Promise<Firmware> {
  if (kind === 'bios') return { kind }
  const variables = join(directory, 'uefi-variables.fd')
  await copyFile(ovmf.variables, variables)
  return { kind, code: ovmf.code, variables }
}
