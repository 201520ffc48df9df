/** What every stage gets and gives. */
import type { Run, RunPiped } from '../tools/command.js'
import type { Acceleration } from '../tools/acceleration.js'

export interface StageContext {
  readonly run: Run
  readonly runPiped: RunPiped
  /** Aborted on Ctrl-C, SIGTERM; `run` already obeys it. */
  readonly signal: AbortSignal
  /** One line of progress for the user (stderr). */
  readonly progress: (line: string) => void
  /** A folder that outlives a failed stage: logs go here. */
  readonly logDirectory: string
}

/** What a stage that starts virtual machines gets besides. */
export interface VmContext extends StageContext {
  readonly acceleration: Acceleration
  /** The guard that records a lease and ends the VM when the pipeline or Packer is gone; it execs the real QEMU. */
  readonly qemuBinary: string
  /** Environment the guard needs; `label` names the stage in the lease. */
  readonly guardEnvironment: (label: string) => Readonly<Record<string, string>>
}
