/** Starts exported files on real Xen: a guest that must get ready is visited, of any other it is told how far it came. */
import { mkdir, rm } from 'node:fs/promises'
import { PipelineError } from '../errors/pipeline-error.js'
import type { RunningVm } from '../tools/vm.js'
import { xenCpuModels } from '../tools/xen-host.js'
import { waitReady } from './evc-line.js'
import type { EvcState } from './evc-line.js'
import type { BootResult } from './verify-boot.js'
import { createRecorder } from './verify-record.js'
import type { Found, Recorder } from './verify-record.js'
import { requireRoomIfFailed } from './verify-room.js'
import { visit } from './verify-visit.js'
import type { Visit } from './verify-visit.js'
import { chooseEmulator, startXenGuest } from './verify-xen-guest.js'
import type { XenGuest, XenStart } from './verify-xen-guest.js'
import type { XenHost } from './verify-xen-host.js'
import type { VmContext } from './types.js'

export interface XenBootRequest extends Omit<XenStart, 'host' | 'emulator'> {
  readonly host: () => Promise<XenHost>
}

/** One virtual CPU, emulated or not, that host and guest share: everything takes that much longer than without Xen. */
const xenSlowness = 3
/** Of a guest that came as far as it must: the next state is awaited so long, times the host's slowness. */
const patienceMs = 30_000
const bytesPerGib = 1024 ** 3

/** Errors: `interrupted` (exit 130), a missing tool (3), `disk-full` (4); all else is a failed check. */
export async function bootOnXen(request: XenBootRequest, context: VmContext): Promise<BootResult> {
  const { target, plan, directory } = request
  const secrets: string[] = []
  const recorder = createRecorder({ target, boot: plan.name, signal: context.signal, progress: context.progress, secrets })
  const slow = slowed(context)
  // A host that cannot be had is no fault of the artifact: its error ends the verification.
  const host = await request.host()
  const emulator = await chooseEmulator(plan, host, context)
  await mkdir(directory, { recursive: true })
  const room = { what: `the boot ${plan.name} of ${target}`, directory }
  try {
    const guest = await recorder.check('start', () => start({ ...request, host, emulator }, slow))
    await requireRoomIfFailed(room, recorder.checks)
    if (!guest) return { checks: recorder.checks }
    try {
      const identity = plan.reaches === 'ready'
        ? await visitGuest(request, guest, { recorder, secrets, context: slow })
        : await seeHowFar(request, guest.running, recorder, slow)
      await requireRoomIfFailed(room, recorder.checks)
      return { checks: recorder.checks, ...(identity ? { identity } : {}) }
    } finally {
      await guest.running.stop()
    }
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function slowed(context: VmContext): VmContext {
  const { acceleration } = context
  return { ...context, acceleration: { ...acceleration, timeoutFactor: acceleration.timeoutFactor * xenSlowness } }
}

async function start(start: XenStart, context: VmContext): Promise<Found<XenGuest>> {
  const value = await startXenGuest(start, context)
  const { kind } = context.acceleration
  return { found: `${['start.sh', ...start.plan.arguments].join(' ')} on ${value.host}; QEMU ${start.emulator.version}, CPU ${xenCpuModels[kind]}`, value }
}

function visitGuest({ spec, directory }: XenBootRequest, guest: XenGuest, means: Pick<Visit, 'recorder' | 'secrets' | 'context'>) {
  const { running: vm, serialLog } = guest
  return visit({ vm, spec, directory, serialLog, imageBytes: spec.hardware.diskGib * bytesPerGib, thorough: false, ...means })
}

/** Passes from the state that the plan wants; a guest that says `failed`, or shows that it is dead, does not. */
async function seeHowFar({ spec, plan }: XenBootRequest, { serial }: RunningVm, recorder: Recorder, context: VmContext): Promise<undefined> {
  const seen: string[] = []
  const began = Date.now()
  const seconds = () => Math.round((Date.now() - began) / 1000)
  const onState = ({ state, uptimeSeconds }: EvcState) => {
    seen.push(`${state} after ${seconds()} s`)
    context.progress(`${state} (up ${uptimeSeconds} s)`)
  }
  await recorder.check(`comes to ${plan.reaches}`, async () => {
    const { timeoutFactor } = context.acceleration
    const timeoutMs = spec.timeouts.readySeconds * 1000 * timeoutFactor
    try {
      const { nested } = await waitReady(serial, { timeoutMs, patienceMs: patienceMs * timeoutFactor, onState })
      return { found: `${seen.join(', ')}; nested: ${nested ?? 'not said'}`, value: true }
    } catch (error) {
      if (!(error instanceof PipelineError) || seen.length === 0) throw error
      const end = whereTimeWasOver(error, { seconds: seconds(), emulated: context.acceleration.kind === 'tcg' })
      if (end === undefined) throw error
      return { found: `${seen.join(', ')}; ${end}`, value: true }
    }
  })
  return undefined
}

/** The words of the first boot for a step that its time limit ended (kickstarts/shared/first-boot/usr/lib/evc/first-boot). */
const stepOverdue = /did not end within \d+ s/

/** Where a guest that was going on came to its end by a clock; undefined for a failure. Limits of steps are for machines that are not emulated. */
function whereTimeWasOver({ code, message }: PipelineError, { seconds, emulated }: { readonly seconds: number; readonly emulated: boolean }): string | undefined {
  if (code === 'vm-silent') return `nothing more until ${seconds} s, where verification ended it`
  return code === 'set-up-failed' && emulated && stepOverdue.test(message) ? `then its own time limit ended a step, in emulation: ${message}` : undefined
}
