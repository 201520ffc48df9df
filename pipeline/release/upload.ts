/** Uploads one file: in one request or in parts side by side, resumed from the journal; believes only checksums. */
import { fileChanged, fileTooLarge, storedWrong } from '../errors/publish.js'
import { heldBody, sliceBody } from '../tools/body.js'
import { identityOf } from '../tools/file-identity.js'
import type { FileIdentity } from '../tools/file-identity.js'
import { settleAll } from '../tools/gate.js'
import type { Gate } from '../tools/gate.js'
import { partBytesFor, partLimits, partsOf, singlePutBytes, usualPartBytes } from '../tools/part-sizes.js'
import type { Part } from '../tools/part-sizes.js'
import type { Body, Bucket, FinishedPart, ObjectHeaders, Receipt, UploadedPart } from '../tools/s3.js'
import type { Journal } from './journal.js'
import type { PieceBuffers } from './piece-buffers.js'

export interface FileUpload {
  readonly key: string
  /** On this host, absolute. */
  readonly path: string
  readonly sizeBytes: number
  /** Taken before `headers.sha256` was computed: bytes that changed since are not sent under that digest. */
  readonly identity: FileIdentity
  readonly headers: ObjectHeaders
}

export interface UploadContext {
  readonly bucket: Bucket
  readonly journal: Journal
  /** Shared by all files: so many requests with a body at a time. */
  readonly gate: Gate
  /** Wider: parts are hashed while others travel. */
  readonly ahead: Gate
  /** For parts of the usual size; absent: parts are read again when they are sent. */
  readonly buffers?: PieceBuffers
  readonly signal: AbortSignal
  /** Bytes that have just arrived. */
  readonly onSent: (bytes: number) => void
}

/** How often the same bytes are sent when the server stores others. */
const sendTries = 4

/**
 * Returns how many bytes travelled: 0 when the server has the file. Errors: `file-too-large`, `file-changed`,
 * `stored-wrong` (exit 6), those of Bucket.
 */
export async function uploadFile(file: FileUpload, context: UploadContext): Promise<number> {
  if (file.sizeBytes > partLimits.objectBytes) throw fileTooLarge(file.path, file.sizeBytes)
  if (isPresent(await context.bucket.head(file.key), file)) return 0
  try {
    return file.sizeBytes <= singlePutBytes ? await uploadWhole(file, context) : await uploadParts(file, context)
  } catch (error) {
    // Whoever has removed it: what is not there any more has changed.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT' && (error as NodeJS.ErrnoException).path === file.path) throw fileChanged(file.path)
    throw error
  }
}

async function uploadWhole(file: FileUpload, context: UploadContext): Promise<number> {
  const { bucket, gate, signal } = context
  await gate(async () => {
    const body = await sliceBody({ path: file.path, startBytes: 0, lengthBytes: file.sizeBytes }, signal)
    if (body.sha256 !== file.headers.sha256) throw fileChanged(file.path)
    await sendChecked(file.key, body, bucket, () => bucket.put(file.key, body, file.headers))
  })
  context.onSent(file.sizeBytes)
  return file.sizeBytes
}

/** The server knows this upload no more: another publisher of the release was faster, or a rule of the bucket ended it. */
class UploadGone extends Error {}

/** The file has become shorter than its parts. */
class CutShort extends Error {}

/** Sends until what the server says it stored is what was sent. Errors: `stored-wrong` (exit 6), UploadGone. */
async function sendChecked(key: string, body: Body, bucket: Bucket, send: () => Promise<Receipt | undefined>): Promise<Receipt> {
  for (let tries = 1; ; tries += 1) {
    const receipt = await send()
    if (!receipt) throw new UploadGone(key)
    if (isStored(receipt, body)) return receipt
    if (tries < sendTries) continue
    throw storedWrong({ doing: `Uploading ${key}`, bucket: bucket.name, server: bucket.server }, `its ETag is ${receipt.etag}, the MD5 is ${body.md5}`)
  }
}

function isStored(receipt: Receipt, body: Body): boolean {
  return receipt.sha256Confirmed || receipt.encrypted || receipt.etag === body.md5
}

/** How often a file is completed anew when the server has lost parts of it. */
const finishTries = 3

async function uploadParts(file: FileUpload, context: UploadContext): Promise<number> {
  const { bucket, journal } = context
  let sent = 0
  const onSent = (bytes: number) => {
    sent += bytes
    context.onSent(bytes)
  }
  for (let tries = 0; tries < finishTries; tries += 1) {
    if ((await tryParts(file, { ...context, onSent })) || isPresent(await bucket.head(file.key), file)) {
      journal.ended(file.key)
      return sent
    }
  }
  const place = { doing: `Uploading ${file.key}`, bucket: bucket.name, server: bucket.server }
  throw storedWrong(place, `it lost parts ${finishTries} times`)
}

/** False: begin anew with what is missing. */
async function tryParts(file: FileUpload, context: UploadContext): Promise<boolean> {
  const { bucket, journal } = context
  const upload = await beginOrResume(file, context)
  try {
    const parts = await sendParts(file, partsOf(file.sizeBytes, upload.partBytes), upload, context)
    if ((await identityOf(file.path)) === file.identity) return await finish(file, upload.id, parts, bucket)
  } catch (error) {
    if (error instanceof UploadGone) return false
    if (!(error instanceof CutShort)) throw error
  }
  await bucket.abortUpload({ key: file.key, id: upload.id })
  journal.ended(file.key)
  throw fileChanged(file.path)
}

interface Begun {
  readonly id: string
  readonly partBytes: number
  /** What the server has. */
  readonly held: ReadonlyMap<number, UploadedPart>
}

async function beginOrResume(file: FileUpload, { bucket, journal }: UploadContext): Promise<Begun> {
  const { identity } = file
  const known = journal.upload(file.key)
  if (known?.identity === identity) {
    const held = await bucket.listParts({ key: file.key, id: known.id })
    if (held) return { id: known.id, partBytes: known.partBytes, held: new Map(held.map(part => [part.number, part])) }
  }
  if (known && known.identity !== identity) await bucket.abortUpload({ key: file.key, id: known.id })
  const partBytes = partBytesFor(file.sizeBytes)
  const id = await bucket.startUpload(file.key, file.headers)
  journal.began(file.key, { id, partBytes, identity })
  return { id, partBytes, held: new Map() }
}

async function sendParts(file: FileUpload, parts: readonly Part[], upload: Begun, context: UploadContext): Promise<readonly FinishedPart[]> {
  const stop = new AbortController()
  const job = async (part: Part) => {
    // One part failed for good: those that wait for their turn must not begin. The next has it before settleAll knows.
    stop.signal.throwIfAborted()
    try {
      return await sendPart(file, part, { ...upload, stop: stop.signal }, context)
    } catch (error) {
      stop.abort()
      throw error
    }
  }
  return await settleAll(parts.map(part => context.ahead(() => job(part))), () => {})
}

/** A part that the server holds is believed when its checksum is the one noted, or that of the file's bytes now. */
async function sendPart(file: FileUpload, part: Part, upload: Begun & { readonly stop: AbortSignal }, context: UploadContext): Promise<FinishedPart> {
  const { bucket, journal, signal, gate } = context
  signal.throwIfAborted()
  const held = upload.held.get(part.number)
  const noted = journal.upload(file.key)?.parts.get(part.number)
  const inPlace = held?.sizeBytes === part.lengthBytes ? held : undefined
  if (inPlace && inPlace.etag === noted?.etag) return { ...noted, ...named(inPlace) }
  const slice = { path: file.path, startBytes: part.startBytes, lengthBytes: part.lengthBytes }
  const buffer = part.lengthBytes <= usualPartBytes ? context.buffers?.take(part.lengthBytes) : undefined
  const body = buffer ? await heldBody(slice, buffer, signal) : await sliceBody(slice, signal)
  if (!body) throw new CutShort(file.path)
  if (inPlace && (inPlace.sha256 === body.sha256 || inPlace.etag === body.md5)) {
    journal.stored(file.key, part.number, inPlace)
    if (buffer) context.buffers?.giveBack(buffer)
    return named(inPlace)
  }
  const receipt = await gate(() => {
    upload.stop.throwIfAborted()
    return sendChecked(file.key, body, bucket, () => bucket.putPart({ key: file.key, id: upload.id }, part.number, body))
  })
  const stored = { etag: receipt.etag, ...(receipt.sha256Confirmed ? { sha256: body.sha256 } : {}) }
  journal.stored(file.key, part.number, stored)
  context.onSent(part.lengthBytes)
  // Only here: a request that failed may still hold its bytes.
  if (buffer) context.buffers?.giveBack(buffer)
  return { number: part.number, ...stored }
}

function named({ number, etag, sha256 }: UploadedPart): FinishedPart {
  return { number, etag, ...(sha256 === undefined ? {} : { sha256 }) }
}

/**
 * Whether it is finished shows in the object, not in the answer, which may be lost, or "no such upload" when another
 * publisher of the same release was faster.
 */
async function finish(file: FileUpload, id: string, parts: readonly FinishedPart[], bucket: Bucket): Promise<boolean> {
  await bucket.finishUpload({ key: file.key, id }, parts)
  return isPresent(await bucket.head(file.key), file)
}

function isPresent(found: Awaited<ReturnType<Bucket['head']>>, file: FileUpload): boolean {
  return found?.sizeBytes === file.sizeBytes && found.sha256 === file.headers.sha256
}
