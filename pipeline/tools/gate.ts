/** Lets a fixed number of jobs run at a time. */

export type Gate = <Value>(job: () => Promise<Value>) => Promise<Value>

/** Jobs begin in the order they come. */
export function createGate(places: number): Gate {
  let free = places
  const waiting: (() => void)[] = []
  const enter = () => (free > 0 ? ((free -= 1), Promise.resolve()) : new Promise<void>(resolve => waiting.push(resolve)))
  const leave = () => {
    const next = waiting.shift()
    if (next) next()
    else free += 1
  }
  return async job => {
    await enter()
    try {
      return await job()
    } finally {
      leave()
    }
  }
}

/**
 * Waits for all, then rejects with the first failure in time: nothing still runs when this returns. `stop` is called
 * at that failure, so that the others can end early.
 */
export async function settleAll<Value>(jobs: readonly Promise<Value>[], stop: () => void): Promise<readonly Value[]> {
  const failures: unknown[] = []
  const noted = jobs.map(job => job.catch((error: unknown) => {
    failures.push(error)
    stop()
    throw error
  }))
  const results = await Promise.allSettled(noted)
  if (failures.length > 0) throw failures[0]
  return results.flatMap(result => (result.status === 'fulfilled' ? [result.value] : []))
}
