/** SHA-256 of bytes that come one after the other; of many of them in a thread of its own, for the main one has the network. */
import { createHash } from 'node:crypto'
import { Worker } from 'node:worker_threads'
import { endThread } from './end-thread.js'

/** Absent: the digest is wanted. */
export interface HashJob {
  readonly bytes?: Uint8Array
}

export interface HashAnswer {
  /** Lower-case hex. */
  readonly digest?: string
}

export interface RunningHash {
  /** Resolves when the bytes are needed no more. Those in shared memory are not copied, and must not change until then. */
  update(bytes: Uint8Array): Promise<void>
  /** Of all bytes; nothing can be added afterwards. */
  digest(): Promise<string>
  /** Ends its thread; what was not answered rejects. */
  close(): Promise<void>
}

interface Waiting {
  readonly resolve: (answer: HashAnswer) => void
  readonly reject: (error: Error) => void
}

/** A thread costs 30 ms and 10 MiB. */
const leastThreadedBytes = 32 * 1024 * 1024

/** @param expectedBytes so many will come, more or less */
export function openHash(expectedBytes: number): RunningHash {
  return expectedBytes < leastThreadedBytes ? hashHere() : hashInThread()
}

function hashHere(): RunningHash {
  const hash = createHash('sha256')
  return { update: async bytes => void hash.update(bytes), digest: async () => hash.digest('hex'), close: async () => {} }
}

/** Errors of its members: the thread's own, such as a lack of memory. */
function hashInThread(): RunningHash {
  const worker = new Worker(new URL('./hash-worker.js', import.meta.url))
  const waiting: Waiting[] = []
  let failure: Error | undefined
  const fail = (error: Error) => {
    failure ??= error
    for (const each of waiting.splice(0)) each.reject(failure)
  }
  worker.on('message', (answer: HashAnswer) => waiting.shift()?.resolve(answer))
  worker.on('error', fail)
  const ask = (job: HashJob) =>
    new Promise<HashAnswer>((resolve, reject) => {
      if (failure) return reject(failure)
      waiting.push({ resolve, reject })
      worker.postMessage(job)
    })
  return {
    update: async bytes => void (await ask({ bytes })),
    digest: async () => (await ask({})).digest ?? '',
    close: async () => {
      fail(new Error('the hash thread is closed'))
      await endThread(worker)
    },
  }
}
