/** Tells a full disk of this host from a fault of the artifact: no report may condemn a release for it. */
import { diskFull } from '../errors/stages.js'
import { freeBytes, nearlyFullBytes } from '../tools/free-space.js'
import type { ReportedCheck } from './verify-report.js'

export interface Room {
  /** What was verified, as in `No space left for ${what}`. */
  readonly what: string
  /** The folder that was written to; asked before what is in it is removed. */
  readonly directory: string
}

/** Errors: `disk-full` (exit 4) where a check failed and the disk has nearly no room; the file system's own. */
export async function requireRoomIfFailed({ what, directory }: Room, checks: readonly ReportedCheck[]): Promise<void> {
  const failed = checks.filter(({ status }) => status === 'failed')
  if (failed.length === 0) return
  const free = await freeBytes(directory)
  if (free > nearlyFullBytes) return
  throw diskFull({ what, place: directory, freeBytes: free, details: failed.map(({ name, detail }) => `${name}: ${detail.split('\n')[0]}`) })
}
