/** What every stage gets and gives. */
import type { Run } from '../tools/command.js'
import type { Acceleration } from '../tools/acceleration.js'

export interface StageContext {
  readonly run: Run
  /** Aborted on Ctrl-C, SIGTERM; `run` already obeys it. */
  readonly signal: AbortSignal
  /** One line of progress for the user (stderr). */
  readonly progress: (line: string) => void
  /** A folder that outlives a failed stage: logs go here. */
  readonly logDirectory: string
  readonly acceleration: Acceleration
}
