/** What a command needs of this host: child processes that end with it, and the signals that end it. */
import { readdir } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { interrupted } from '../errors/tools.js'
import type { Run, RunPiped } from '../tools/command.js'
import { createRun } from '../tools/exec.js'
import { createRunPiped } from '../tools/pipe.js'

export interface Host {
  readonly run: Run
  readonly runPiped: RunPiped
  readonly signal: AbortSignal
  /** Takes the signal handlers off again. */
  readonly close: () => void
}

const endSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** From now on SIGINT, SIGTERM and SIGHUP end every child, and what runs rejects with `interrupted` (exit 130). */
export function openHost({ env }: { readonly env: NodeJS.ProcessEnv }): Host {
  const controller = new AbortController()
  const onSignal = () => controller.abort(interrupted())
  for (const name of endSignals) process.on(name, onSignal)
  const settings = { signal: controller.signal, parentEnv: env }
  return {
    run: createRun(settings),
    runPiped: createRunPiped(settings),
    signal: controller.signal,
    close: () => endSignals.forEach(name => process.off(name, onSignal)),
  }
}

/** A kernel to try KVM with: the one ci/quickstart fetched, or this host's own. Undefined where there is none. */
export async function hostKernel(state: string): Promise<string | undefined> {
  const fetched = join(state, 'probe/vmlinuz')
  if (existsSync(fetched)) return fetched
  const names = await readdir('/boot').catch(() => [])
  const newest = names.filter(name => name.startsWith('vmlinuz-')).sort().at(-1)
  return newest === undefined ? undefined : join('/boot', newest)
}
