/** Fetches one address into memory or a file, with the reason in a few words where that fails. */
import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { ReadableStream } from 'node:stream/web'
import { pastProxy } from './past-proxy.js'

/** Turns `HTTP 404` or `ENOTFOUND` into an error of the catalogue. */
export type Unreachable = (reason: string) => Error

interface Getting {
  readonly signal: AbortSignal
  readonly failed: Unreachable
}

/** Errors: what `failed` makes; the signal's own. */
export async function getBytes(url: string, getting: Getting): Promise<Buffer> {
  const response = await ask(url, getting)
  return Buffer.from(await response.arrayBuffer().catch((error: Error) => refuse(url, error, getting)))
}

/** As getBytes, into a file, whatever its size. */
export async function getFile(url: string, path: string, getting: Getting): Promise<void> {
  const response = await ask(url, getting)
  if (!response.body) throw getting.failed('an empty answer')
  // Two declarations of one class: the DOM's of fetch, and Node's own.
  const body: ReadableStream = response.body as ReadableStream
  await pipeline(Readable.fromWeb(body), createWriteStream(path), { signal: getting.signal }).catch((error: Error) => refuse(url, error, getting))
}

async function ask(url: string, getting: Getting): Promise<Response> {
  const response = await fetch(url, { signal: getting.signal }).catch((error: Error) => refuse(url, error, getting))
  if (!response.ok) throw getting.failed(`HTTP ${response.status}`)
  return response
}

function refuse(url: string, error: Error, { signal, failed }: Getting): never {
  if (signal.aborted) throw error
  const { message, cause } = error
  if (!(cause instanceof Error && 'code' in cause)) throw failed(message)
  throw failed(`${cause.code}${pastProxy(url, String(cause.code))}`)
}
