/** Worker threads that compress blocks: one for each core, started when the first block comes. */
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import { endThread } from '../tools/end-thread.js'
import { factsPerGrain } from './deflate.js'
import type { DeflateDone, DeflateJob } from './deflate.js'
import type { DeflatedGrain } from './types.js'

export interface DeflatePool {
  /** In the order of `grains`. Rejects when the pool is closed or a worker dies. */
  deflate(job: DeflateJob): Promise<readonly DeflatedGrain[]>
  /** What is still being compressed rejects; the threads end behind the blocks that they have. */
  close(): Promise<void>
}

interface Task {
  readonly job: DeflateJob
  readonly resolve: (grains: readonly DeflatedGrain[]) => void
  readonly reject: (error: Error) => void
}

interface Member {
  readonly worker: Worker
  /** First in, first out: a thread answers in order. */
  readonly tasks: Task[]
}

/** The second one lies ready, so that no thread waits for this one. */
const tasksPerThread = 2

export function createDeflatePool(threads = availableParallelism()): DeflatePool {
  const waiting: Task[] = []
  const members: Member[] = []
  let failure: Error | undefined

  const fail = (error: Error) => {
    failure ??= error
    for (const task of [...waiting.splice(0), ...members.flatMap(member => member.tasks.splice(0))]) task.reject(failure)
  }
  const feed = () => {
    for (const member of members) {
      while (member.tasks.length < tasksPerThread) {
        const task = waiting.shift()
        if (!task) return
        member.tasks.push(task)
        member.worker.postMessage(task.job)
      }
    }
  }
  const start = (): Member => {
    const worker = new Worker(new URL('./deflate-worker.js', import.meta.url))
    const member: Member = { worker, tasks: [] }
    worker.on('message', (done: DeflateDone) => {
      const task = member.tasks.shift()
      task?.resolve(unpack(task.job, done))
      feed()
    })
    worker.on('error', fail)
    return member
  }
  return {
    deflate: job =>
      new Promise((resolve, reject) => {
        if (failure) return reject(failure)
        while (members.length < threads) members.push(start())
        waiting.push({ job, resolve, reject })
        feed()
      }),
    close: async () => {
      fail(new Error('the deflate pool is closed'))
      await Promise.all(members.map(member => endThread(member.worker)))
    },
  }
}

function unpack({ grains }: DeflateJob, { bodies, facts }: DeflateDone): readonly DeflatedGrain[] {
  let at = 0
  return grains.map((index, number) => {
    const [length = 0, adler32 = 0, crc32 = 0] = facts.subarray(number * factsPerGrain, (number + 1) * factsPerGrain)
    const body = bodies.subarray(at, at + length)
    at += length
    return { index, body, adler32, crc32 }
  })
}
