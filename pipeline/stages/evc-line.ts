/** The appliance's own words on its serial console: `EVC {"state":"..."}` lines, until it is ready or has failed. */
import { bootStuck, setUpFailed } from '../errors/verify.js'
import { vmSilent } from '../errors/qemu.js'
import type { SerialConsole } from '../tools/serial.js'

export interface EvcState {
  readonly state: string
  readonly step?: string
  readonly reason?: string
  readonly address?: string
  /** `kvm`, or `unavailable` with a hint. */
  readonly nested?: string
  readonly nestedHint?: string
  readonly uptimeSeconds?: number
}

const evcLine = /(?:^|\s)EVC (\{.*\})\s*$/

/** Undefined for any other line, and for a line that a kernel message has cut in two. */
export function parseEvcLine(line: string): EvcState | undefined {
  const json = evcLine.exec(line)?.[1]
  if (json === undefined) return undefined
  try {
    const answer = JSON.parse(json) as { state?: unknown }
    return typeof answer.state === 'string' ? (answer as EvcState) : undefined
  } catch {
    return undefined
  }
}

export interface ReadyWait {
  readonly timeoutMs: number
  /** From one state to the next; absent: as long as all of it may take. */
  readonly patienceMs?: number
  /** Called with each state on the way. */
  readonly onState: (state: EvcState) => void
}

/** What a machine shows that will not come up any more: without this, the whole time limit would pass. */
const dead = /Kernel panic - not syncing[^\n]*|\(initramfs\) |You are in emergency mode|Cannot open access to console[^\n]*|Shell> |No bootable device/

/** Errors: `set-up-failed`, `boot-stuck` (exit 5) at once when they show, `vm-silent`, `vm-ended` (4). */
export async function waitReady(serial: SerialConsole, { timeoutMs, patienceMs = timeoutMs, onState }: ReadyWait): Promise<EvcState> {
  const deadline = Date.now() + timeoutMs
  let last = 'no state yet'
  let patientUntil = deadline
  for (;;) {
    const awaited = { timeoutMs: Math.min(deadline, patientUntil) - Date.now(), what: `state "ready" (it showed ${last})` }
    if (awaited.timeoutMs <= 0) throw vmSilent(awaited.what, timeoutMs / 1000, serial.lastLines())
    const [line] = await serial.waitFor(new RegExp(`EVC \\{[^\\n]*\\n|${dead.source}`), awaited)
    if (!line.startsWith('EVC')) throw bootStuck(line.trim(), serial.lastLines())
    const state = parseEvcLine(line)
    if (!state) continue
    onState(state)
    if (state.state === 'ready') return state
    if (state.state === 'failed') throw setUpFailed(state.step ?? 'unknown', state.reason ?? 'without a reason', serial.lastLines())
    last = `"${state.state}"`
    patientUntil = Date.now() + patienceMs
  }
}
