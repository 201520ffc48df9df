/** Runs on a worker thread: hashes what it is sent, in its order, and answers when it needs the bytes no more. */
import { createHash } from 'node:crypto'
import { parentPort } from 'node:worker_threads'
import { lastJob } from './end-thread.js'
import type { HashAnswer, HashJob } from './hash-thread.js'

const hash = createHash('sha256')

parentPort?.on('message', (job: HashJob | typeof lastJob) => {
  if (job === lastJob) return parentPort?.close()
  if (job.bytes) hash.update(job.bytes)
  const answer: HashAnswer = job.bytes ? {} : { digest: hash.digest('hex') }
  parentPort?.postMessage(answer)
})
