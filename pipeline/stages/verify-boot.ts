/** Boots an exported file as it is, on a copy-on-write layer, and has the system in it checked. */
import { copyFile, mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Spec } from '../spec/types.js'
import type { BootPlan } from '../targets/types.js'
import { infoCommand, overlayCommand, parseInfo } from '../tools/qemu-img.js'
import { ovmf } from '../tools/qemu.js'
import type { Firmware } from '../tools/qemu.js'
import { startVm } from '../tools/vm.js'
import type { RunningVm } from '../tools/vm.js'
import { openBootDisk } from './boot-disk.js'
import type { Identity } from './verify-copies.js'
import { createRecorder } from './verify-record.js'
import type { ReportedCheck } from './verify-report.js'
import { guestPorts, visit } from './verify-visit.js'
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

/** Errors: `interrupted` (exit 130), a missing tool (3); all else is a failed check. */
export async function bootAndCheck(request: BootRequest, context: VmContext): Promise<BootResult> {
  const { target, plan, directory, spec, thorough } = request
  const secrets: string[] = []
  const recorder = createRecorder({ target, boot: plan.name, signal: context.signal, progress: context.progress, secrets })
  const serialLog = join(context.logDirectory, `${labelOf(request)}.serial.log`)
  await mkdir(directory, { recursive: true })
  await rm(serialLog, { force: true })
  try {
    const vm = await recorder.check('start', async () => {
      const value = await start(request, context, serialLog)
      return { found: `${plan.machine}, ${plan.firmware}, ${plan.diskDevice}, ${plan.networkDevice}`, value }
    })
    if (!vm) return { checks: recorder.checks }
    const { running, imageBytes } = vm
    try {
      const identity = await visit({ vm: running, imageBytes, spec, directory, serialLog, thorough, recorder, secrets, context })
      return { checks: recorder.checks, ...(identity ? { identity } : {}) }
    } finally {
      await running.stop()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function labelOf({ target, plan }: BootRequest): string {
  return `verify-${target}-${plan.name}`
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
  const label = labelOf(request)
  const running = await startVm({
    run,
    vm: {
      qemuBinary: context.qemuBinary,
      acceleration: context.acceleration,
      cpus: spec.hardware.cpus,
      memoryMib: spec.hardware.memoryMib,
      machine: plan.machine,
      firmware: await prepareFirmware(plan.firmware, directory),
      disk: { path: overlay, format: 'qcow2', device: plan.diskDevice },
      networkDevice: plan.networkDevice,
    },
    guestPorts: Object.values(guestPorts),
    env: context.guardEnvironment(label),
    serialLog,
    qemuLog: join(context.logDirectory, `${label}.qemu.log`),
  })
  return { running, imageBytes: virtualBytes }
}

/** Every boot starts with empty UEFI variables, as at a person's first start. */
async function prepareFirmware(kind: BootPlan['firmware'], directory: string): Promise<Firmware> {
  if (kind === 'bios') return { kind }
  const variables = join(directory, 'uefi-variables.fd')
  await copyFile(ovmf.variables, variables)
  return { kind, code: ovmf.code, variables }
}
