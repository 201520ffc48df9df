/** Runs on a worker thread: compresses the grains of one block after the other. */
import { parentPort } from 'node:worker_threads'
import { lastJob } from '../tools/end-thread.js'
import { crc32 } from './crc32.js'
import { adler32, deflateGrain, factsPerGrain } from './deflate.js'
import type { DeflateDone, DeflateJob } from './deflate.js'
import { grainBytes } from './types.js'

parentPort?.on('message', (job: DeflateJob | typeof lastJob) => {
  if (job === lastJob) return parentPort?.close()
  const done = deflateBlock(job)
  parentPort?.postMessage(done, [done.bodies.buffer as ArrayBuffer, done.facts.buffer as ArrayBuffer])
})

function deflateBlock({ kind, block, grains }: DeflateJob): DeflateDone {
  const facts = new Uint32Array(grains.length * factsPerGrain)
  const parts = grains.map((grain, at) => {
    const bytes = new Uint8Array(block, grain * grainBytes, grainBytes)
    const body = deflateGrain(kind, bytes)
    // Only `stream` goes into containers that want checksums.
    const sums = kind === 'stream' ? [adler32(bytes), crc32(bytes)] : [0, 0]
    facts.set([body.length, ...sums], at * factsPerGrain)
    return body
  })
  return { bodies: joined(parts), facts }
}

/** In a buffer of its own, not of Node's shared pool: it is handed over to the main thread. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
