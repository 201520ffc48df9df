/** What a command needs of this host: child processes that end with it, and the signals that end it. */
import { access, readdir } from 'node:fs/promises'
import { constants, existsSync } from 'node:fs'
import { join } from 'node:path'
import { exitCodes } from '../errors/exit-codes.js'
import { interrupted } from '../errors/tools.js'
import type { Run, RunPiped } from '../tools/command.js'
import { createRun } from '../tools/exec.js'
import { createRunPiped } from '../tools/pipe.js'
import { guardEnvironment, guardGroups, guardPath, leaseGroup } from './lease.js'

export interface Host {
  readonly run: Run
  readonly runPiped: RunPiped
  readonly signal: AbortSignal
  /** What to start as QEMU: the guard where leases are kept, else QEMU itself. */
  readonly qemuBinary: string
  /** Environment the guard needs, through Packer too; `label` says in the lease what the VM is for. */
  readonly guardEnvironment: (label: string) => Readonly<Record<string, string>>
  /** Takes the signal handlers off again. */
  readonly close: () => void
}

/**
 * From now on SIGINT, SIGTERM and SIGHUP end every child, and what runs rejects with `interrupted` (exit 130); a
 * second signal kills the children and leaves at once. With `state`, leases are kept in `<state>/leases`, so that
 * nothing outlives even a SIGKILL of this process; what runs may reject with `guard-not-started` (exit 3) then.
 */
export function openHost({ env }: { readonly env: NodeJS.ProcessEnv }, state?: string): Host {
  const signals = catchSignals()
  const { signal, close } = signals
  const settings = { signal, parentEnv: env }
  if (state === undefined) {
    return {
      run: createRun(settings),
      runPiped: createRunPiped(settings),
      signal,
      qemuBinary: 'qemu-system-x86_64',
      guardEnvironment: () => ({}),
      close,
    }
  }
  const leases = join(state, 'leases')
  let guarded: Promise<void> | undefined
  const guard = () => (guarded ??= guardGroups(leases, createRun(settings)))
  const leased = { ...settings, onSpawn: leaseGroup(leases) }
  const [run, runPiped] = [createRun(leased), createRunPiped(leased)]
  return {
    run: (command, options) => guard().then(() => run(command, options)),
    runPiped: (from, to) => guard().then(() => runPiped(from, to)),
    signal,
    qemuBinary: guardPath,
    guardEnvironment: label => guardEnvironment(leases, label),
    close,
  }
}

const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** npm and terminals pass one key press on twice; that is not a second signal. */
const sameSignalMs = 300

function catchSignals(): { signal: AbortSignal; close: () => void } {
  const controller = new AbortController()
  let first: number | undefined
  const onSignal = () => {
    const now = performance.now()
    first ??= now
    // Leaving kills every child's group.
    if (now - first > sameSignalMs) process.exit(exitCodes.interrupted)
    controller.abort(interrupted())
  }
  for (const name of endSignals) process.on(name, onSignal)
  return { signal: controller.signal, close: () => endSignals.forEach(name => process.off(name, onSignal)) }
}

/** A kernel to try KVM with: the one ci/quickstart fetched, or this host's own. Undefined where none can be read: on Ubuntu only root may. */
export async function hostKernel(state: string, boot = '/boot'): Promise<string | undefined> {
  const fetched = join(state, 'probe/vmlinuz')
  if (existsSync(fetched)) return fetched
  const names = await readdir(boot).catch(() => [])
  // As numbers: 6.1.0-10 is newer than 6.1.0-9.
  const newest = names.filter(name => name.startsWith('vmlinuz-')).sort(new Intl.Collator('en', { numeric: true }).compare).at(-1)
  if (newest === undefined) return undefined
  const path = join(boot, newest)
  return await access(path, constants.R_OK).then(() => path, () => undefined)
}
