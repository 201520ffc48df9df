/** Tries again what may pass by itself: waits longer each time, at random, until patience ends. */
import { setTimeout as sleep } from 'node:timers/promises'

const firstDelayMs = 200
const longestDelayMs = 8000

/** Between half of the delay and all of it: many that failed together do not come back together. */
export function delayMs(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(longestDelayMs, firstDelayMs * 2 ** attempt)
  return full / 2 + (full / 2) * random()
}

/** Rejects with the signal's reason when aborted. */
export async function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(milliseconds, undefined, { signal })
  } catch {
    throw signal.reason
  }
}
