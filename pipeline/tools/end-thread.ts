/** Ends worker threads between two of their jobs. */
import type { Worker } from 'node:worker_threads'

/** The job behind which there are no more: a worker that gets it closes its port, and so ends. */
export const lastJob = null

/**
 * Resolves when the thread has answered what it was given before, and has ended. Not by `terminate()`: that stops a thread
 * wherever it is, and between the making of a zlib stream and its first use Node aborts the whole process for it
 * ("Assertion failed: init_done_", seen with Node 20).
 */
export async function endThread(worker: Worker): Promise<void> {
  // A thread that died of an error has no id any more, or ends on its own in a moment.
  if (worker.threadId === -1) return
  const ended = new Promise(resolve => worker.once('exit', resolve))
  worker.postMessage(lastJob)
  await ended
}
