/** Writes that happen only when nobody else has written since: by the server's conditions, or by claims where it has none. */
import { randomBytes } from 'node:crypto'
import { PipelineError } from '../errors/pipeline-error.js'
import { treeBusy } from '../errors/publish.js'
import { textBody } from '../tools/body.js'
import { delayMs, pause } from '../tools/retry.js'
import { UnclearAnswer } from '../tools/s3.js'
import type { Bucket, Condition, ObjectHeaders } from '../tools/s3.js'

/**
 * `quoted`, `bare`: the server obeys If-None-Match and If-Match, and wants ETags so. RGW 16.2 compares If-Match byte by
 * byte with the ETag it has stored without quotes, so the quoted form that RFC 9110 asks for never fits there.
 * `none`: it writes whatever the condition says.
 */
export type Conditions = 'quoted' | 'bare' | 'none'

export interface Written {
  /** False: another publisher wrote in between; nothing of ours was written. */
  readonly won: boolean
}

/** The object as it was read, or null when it was not there. */
export type Seen = { readonly etag: string } | null

export interface ConditionalWriter {
  readonly conditions: Conditions
  /** Writes `text` if the object is still as `seen`. Errors: those of Bucket. */
  write(key: string, text: string, seen: Seen, headers: Omit<ObjectHeaders, 'sha256'>): Promise<Written>
}

export interface WriterOptions {
  readonly bucket: Bucket
  /** Of the tree; claims and the probe lie below it. */
  readonly prefix: string
  readonly signal: AbortSignal
  readonly patienceMs: number
  readonly progress: (line: string) => void
}

/** Finds out by a small object of its own what the server obeys. Errors: those of Bucket. */
export async function openConditionalWriter(options: WriterOptions): Promise<ConditionalWriter> {
  const conditions = await probe(options)
  if (conditions === 'none') {
    options.progress(
      `${options.bucket.server} does not obey If-Match and If-None-Match. Publishers take turns by claims instead: ` +
      'each writes one, looks for others, and steps back when it sees one. That needs a server whose lists are up to date.'
    )
  }
  return {
    conditions,
    write: async (key, text, seen, headers) => {
      const job = { key, text, seen, headers }
      return conditions === 'none' ? await writeClaimed(job, options) : await writeIf(job, options, conditions === 'quoted')
    },
  }
}

interface Job {
  readonly key: string
  readonly text: string
  readonly seen: Seen
  readonly headers: Omit<ObjectHeaders, 'sha256'>
}

/**
 * A lost answer and a 500 say nothing of what was written: RGW answers 500 to the loser of a race, proxies to the
 * winner, too. So the object is read again, and only that decides.
 */
async function writeIf({ key, text, seen, headers }: Job, options: WriterOptions, quoted: boolean): Promise<Written> {
  const { bucket, signal } = options
  const body = textBody(text)
  const started = Date.now()
  for (let attempt = 0; ; attempt += 1) {
    let unclear: UnclearAnswer | undefined
    try {
      const receipt = await bucket.putIf(key, body, { ...headers, sha256: body.sha256 }, { etag: seen?.etag ?? null, quoted })
      if (receipt) return { won: true }
    } catch (error) {
      if (!(error instanceof UnclearAnswer)) throw error
      unclear = error
    }
    const now = await bucket.get(key)
    if (now?.text === text) return { won: true }
    if ((now?.etag ?? null) !== (seen?.etag ?? null)) return { won: false }
    if (unclear) requirePatience(unclear, { key, started }, options)
    else if (Date.now() - started > options.patienceMs) throw treeBusy(key)
    await pause(delayMs(attempt), signal)
  }
}

async function probe(options: WriterOptions): Promise<Conditions> {
  const { bucket, prefix } = options
  const key = `${prefix}.probe-${randomBytes(8).toString('hex')}`
  const wrong = '0'.repeat(32)
  const obeys = (condition: Condition) => isWritten(options, key, condition)
  const { etag } = await bucket.put(key, probeBody, probeHeaders)
  try {
    if (await obeys({ etag: null, quoted: true })) return 'none'
    if (await obeys({ etag: wrong, quoted: true })) return 'none'
    if (await obeys({ etag, quoted: true })) return 'quoted'
    if (await obeys({ etag: wrong, quoted: false })) return 'none'
    return (await obeys({ etag, quoted: false })) ? 'bare' : 'none'
  } finally {
    await bucket.remove([key])
  }
}

const probeBody = textBody('probe')
const probeHeaders = { contentType: 'text/plain', cacheControl: 'no-store', sha256: probeBody.sha256 }

/** A bad minute of the server must not pass for a server without conditions, so it is asked until it has answered. */
async function isWritten(options: WriterOptions, key: string, condition: Condition): Promise<boolean> {
  const { bucket, signal } = options
  const started = Date.now()
  for (let attempt = 0; ; attempt += 1) {
    try {
      return (await bucket.putIf(key, probeBody, probeHeaders, condition)) !== undefined
    } catch (error) {
      // "Not implemented" is an answer: such a server does not write.
      if (error instanceof PipelineError && error.code === 'server-lacks') return false
      if (!(error instanceof UnclearAnswer)) throw error
      requirePatience(error, { key, started }, options)
    }
    await pause(delayMs(attempt), signal)
  }
}

/** A claim older than this belongs to a publisher that was killed. */
const claimLifeMs = 60_000
/** A write is begun under a claim not older than this, and ended after so long: the rest of its life is for what is on its way. */
const freshClaimMs = 15_000
const putLimitMs = 30_000
const claimTries = 30

/** Until it is written, another publisher has won, or neither patience nor turns are left. */
async function writeClaimed(job: Job, options: WriterOptions): Promise<Written> {
  const { signal } = options
  const started = Date.now()
  const kept: string[] = []
  for (let [attempt, turns] = [0, 0]; turns < claimTries; attempt += 1) {
    try {
      const written = await writeInTurn(job, options, kept)
      if (written) {
        await options.bucket.remove(kept)
        return written
      }
      turns += 1
    } catch (error) {
      if (!(error instanceof UnclearAnswer)) throw error
      requirePatience(error, { key: job.key, started }, options)
    }
    await pause(delayMs(Math.min(attempt, 4)), signal)
  }
  throw treeBusy(job.key)
}

/**
 * Announce, look, act: of two that announce, at least the later one sees the other. Both step back; chance decides.
 * Undefined: it is not our turn. Errors: besides those of Bucket, `UnclearAnswer`: nothing of anybody was written so far.
 * @param kept claims of ours under which a write may still be on its way; this one is added then
 */
async function writeInTurn({ key, text, seen, headers }: Job, { bucket }: WriterOptions, kept: string[]): Promise<Written | undefined> {
  const claim = `${key}.claim-${randomBytes(8).toString('hex')}`
  const note = textBody(claim)
  const claimed = Date.now()
  await bucket.put(claim, note, { contentType: 'text/plain', cacheControl: 'no-store', sha256: note.sha256 })
  let isOver = true
  try {
    if (!(await isAlone(bucket, key, [...kept, claim]))) return undefined
    if (((await bucket.get(key))?.etag ?? null) !== (seen?.etag ?? null)) return { won: false }
    // Who was held up so long may be taken for dead, and its claim removed.
    if (!(await bucket.head(claim)) || Date.now() - claimed > freshClaimMs) return undefined
    return await putAndLook({ key, text, seen, headers }, bucket)
  } catch (error) {
    isOver = !(error instanceof UnclearAnswer)
    throw error
  } finally {
    // Whoever came in between would win, and be written over by what is late.
    if (isOver) await bucket.remove([claim])
    else kept.push(claim)
  }
}

/** @param own the last is the one that counts */
async function isAlone(bucket: Bucket, key: string, own: readonly string[]): Promise<boolean> {
  const claims = (await bucket.list(`${key}.claim-`)).filter(other => !own.includes(other.key))
  const mine = (await bucket.head(own.at(-1) ?? ''))?.modifiedMs ?? 0
  // Both times are the server's.
  const dead = claims.filter(other => mine - other.modifiedMs > claimLifeMs)
  await bucket.remove(dead.map(other => other.key))
  return claims.length === dead.length
}

/** What stands there afterwards decides: the write of somebody who was late, or a lost answer, is seen only so. */
async function putAndLook({ key, text, seen, headers }: Job, bucket: Bucket): Promise<Written> {
  const body = textBody(text)
  const unclear = await bucket.tryPut(key, body, { ...headers, sha256: body.sha256 }, putLimitMs).then(() => undefined, (error: unknown) => {
    if (error instanceof UnclearAnswer) return error
    throw error
  })
  const now = await bucket.get(key)
  if (now?.text === text) return { won: true }
  if (unclear && (now?.etag ?? null) === (seen?.etag ?? null)) throw unclear
  return { won: false }
}

function requirePatience({ failure }: UnclearAnswer, { key, started }: { readonly key: string; readonly started: number }, { bucket, patienceMs }: WriterOptions): void {
  const triedMs = Date.now() - started
  if (triedMs > patienceMs) throw failure.error({ doing: `Writing ${key}`, bucket: bucket.name, server: bucket.server }, Math.round(triedMs / 1000))
}
