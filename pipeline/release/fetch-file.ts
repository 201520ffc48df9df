/**
 * Downloads one file: into a hidden file beside its place, hashed while it is written, renamed when it is whole and
 * right. What is there of a broken-off download is always the file's beginning, so the next run just goes on.
 */
import { chmod, mkdir, open, rename, rm, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { outputNotWritable } from '../errors/commands.js'
import { downloadDigestWrong, downloadDiskFull, outputDiffers } from '../errors/fetch.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { interrupted } from '../errors/tools.js'
import { syncFile } from '../tools/atomic-file.js'
import { sha256File } from '../tools/checksum.js'
import { freeBytes } from '../tools/free-space.js'
import { openHash } from '../tools/hash-thread.js'
import type { RunningHash } from '../tools/hash-thread.js'
import type { Http } from '../tools/http.js'
import { inOrder } from './ordered-pieces.js'
import { pieceBuffers } from './piece-buffers.js'
import type { Piece } from './ordered-pieces.js'

export interface FileRequest {
  readonly url: string
  /** Where it will lie, absolute. */
  readonly path: string
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly sha256: string
  readonly executable?: boolean
}

export interface FetchDeps {
  readonly http: Http
  readonly signal: AbortSignal
  /** Ranges at once. */
  readonly connections: number
  readonly progress: (line: string) => void
}

/** Where the bytes of the file come from; both counts grow while it is written. */
export interface PieceSource {
  readonly pieces: readonly Piece[]
  readonly close?: () => Promise<void>
}

export type FileOutcome = 'kept' | 'written'

/** So many bytes are one range: large enough that the way to the server does not matter, small enough to begin again. */
const pieceBytes = 8 * 1024 * 1024
const memoryBytes = 64 * 1024 * 1024

/** All by ranges of the file on the server. */
export function remotePieces({ url, sizeBytes }: FileRequest, http: Http): PieceSource {
  const count = Math.ceil(sizeBytes / pieceBytes)
  const buffers = pieceBuffers(Math.min(pieceBytes, sizeBytes))
  const pieces = Array.from({ length: count }, (_, index) => {
    const startBytes = index * pieceBytes
    const lengthBytes = Math.min(pieceBytes, sizeBytes - startBytes)
    const load = async (signal: AbortSignal) =>
      await http.range({ url, startBytes, lengthBytes, sizeBytes, into: buffers.take(lengthBytes) }, signal)
    return { offsetBytes: startBytes, lengthBytes, load, done: buffers.giveBack }
  })
  return { pieces }
}

/**
 * `kept`: it was there already. A file whose digest is wrong in spite of all is fetched once more from its beginning
 * and without `source` (which may have read a damaged older copy). Errors: those of Http, `download-digest-wrong`
 * (exit 5), `download-disk-full`, `output-not-writable`, `output-differs` (exit 3).
 */
export async function fetchFile(request: FileRequest, deps: FetchDeps, source?: PieceSource): Promise<FileOutcome> {
  const { path } = request
  try {
    const there = await whatIsThere(request, deps.signal)
    if (there === 'right') return 'kept'
    if (there === 'other') throw outputDiffers(path)
    await mkdir(dirname(path), { recursive: true })
    const first = await assemble(request, deps, source)
    const last = first.right || !first.mayBeOurs ? first : await again(request, deps)
    if (!last.right) throw downloadDigestWrong(request.url, request.sha256, last.found)
    if (request.executable) await chmod(partPath(request), 0o755)
    await rename(partPath(request), path)
    await syncFile(dirname(path))
    return 'written'
  } catch (error) {
    throw deps.signal.aborted ? abortReason(deps.signal) : await explain(error, request)
  }
}

function abortReason({ reason }: AbortSignal): unknown {
  return reason instanceof PipelineError ? reason : interrupted()
}

export function partPath({ path, sha256 }: Pick<FileRequest, 'path' | 'sha256'>): string {
  return join(dirname(path), `.${basename(path)}.${sha256.slice(0, 16)}.part`)
}

/** A disk that was started since holds a machine's state: it is never replaced. */
async function whatIsThere({ path, sizeBytes, sha256 }: FileRequest, signal: AbortSignal): Promise<'right' | 'other' | 'nothing'> {
  const found = await stat(path).catch(() => undefined)
  if (!found?.isFile()) return 'nothing'
  return found.size === sizeBytes && (await sha256File(path, signal)) === sha256 ? 'right' : 'other'
}

async function again(request: FileRequest, deps: FetchDeps): Promise<Assembled> {
  deps.progress(`what was here already is not right; downloading all of it`)
  return await assemble(request, deps)
}

interface Assembled {
  readonly right: boolean
  readonly found: string
  /** Part of it came from this machine: an earlier download, an older copy. */
  readonly mayBeOurs: boolean
}

/** Leaves the part file whole and synced, or removes it when it is wrong. */
async function assemble(request: FileRequest, deps: FetchDeps, source?: PieceSource): Promise<Assembled> {
  const part = partPath(request)
  const file = await open(part, 'a+', 0o644)
  const hash = openHash(request.sizeBytes)
  try {
    const doneBytes = await resume(file, request.sizeBytes, hash)
    await requireSpace(request, doneBytes)
    if (doneBytes > 0) deps.progress(`going on at ${Math.floor((doneBytes / request.sizeBytes) * 100)} %`)
    await write(request, file, hash, piecesFrom((source ?? remotePieces(request, deps.http)).pieces, doneBytes), deps)
    const [found] = await Promise.all([hash.digest(), file.sync()])
    const right = found === request.sha256
    if (!right) await rm(part, { force: true })
    return { right, found, mayBeOurs: doneBytes > 0 || source !== undefined }
  } finally {
    await hash.close()
    await file.close()
  }
}

const readBytes = 4 * 1024 * 1024

/** Hashes what is there; returns its bytes. Longer than the file: nothing of it is ours. */
async function resume(file: FileHandle, sizeBytes: number, hash: RunningHash): Promise<number> {
  const { size } = await file.stat()
  if (size > sizeBytes) {
    await file.truncate(0)
    return 0
  }
  const buffer = Buffer.from(new SharedArrayBuffer(Math.min(readBytes, size)))
  for (let at = 0; at < size; ) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
    await hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
  return size
}

/** The pieces behind the beginning that is there; the one it ends in is loaded again, and its first bytes dropped. */
function piecesFrom(pieces: readonly Piece[], doneBytes: number): Piece[] {
  return pieces
    .filter(({ offsetBytes, lengthBytes }) => offsetBytes + lengthBytes > doneBytes)
    .map(piece => {
      const skipBytes = Math.max(0, doneBytes - piece.offsetBytes)
      if (skipBytes === 0) return piece
      const load = async (signal: AbortSignal) => (await piece.load(signal)).subarray(skipBytes)
      return { ...piece, offsetBytes: doneBytes, lengthBytes: piece.lengthBytes - skipBytes, load }
    })
}

async function write(request: FileRequest, file: FileHandle, hash: RunningHash, pieces: readonly Piece[], deps: FetchDeps): Promise<void> {
  const told = tenths(request.sizeBytes, deps.progress)
  const flush = flusher(file)
  const take = async (bytes: Buffer, { offsetBytes }: Piece) => {
    await Promise.all([hash.update(bytes), append(file, bytes)])
    flush.wrote(bytes.length)
    told(offsetBytes + bytes.length)
  }
  try {
    await inOrder(pieces, take, { signal: deps.signal, parallel: deps.connections, memoryBytes })
  } finally {
    await flush.done()
  }
}

/**
 * Of a longer write Linux makes pages of up to 2 MiB for its cache, and those are the ones that a host takes back from
 * an idle VM: to get each of them again took longer than the download (1 GiB: 6.5 s, so 3.4).
 */
const writeBytes = 256 * 1024

async function append(file: FileHandle, bytes: Buffer): Promise<void> {
  for (let at = 0; at < bytes.length; ) at += (await file.write(bytes, at, Math.min(writeBytes, bytes.length - at))).bytesWritten
}

const flushBytes = 64 * 1024 * 1024

/** Sends to the disk what was written while more arrives: all at the end would be waited for by somebody. */
function flusher(file: FileHandle): { wrote(bytes: number): void; done(): Promise<void> } {
  let [waitingBytes, running] = [0, false]
  let last: Promise<void> = Promise.resolve()
  return {
    wrote: bytes => {
      waitingBytes += bytes
      if (running || waitingBytes < flushBytes) return
      ;[waitingBytes, running] = [0, true]
      // A disk tells only once that it could not write: the failure is kept for `done`.
      last = Promise.all([last, file.datasync()]).then(() => void (running = false))
      last.catch(() => {})
    },
    done: () => last,
  }
}

/** One line for each tenth of a large file. */
function tenths(sizeBytes: number, progress: (line: string) => void): (doneBytes: number) => void {
  let last = 0
  return doneBytes => {
    const tenth = Math.floor((doneBytes / sizeBytes) * 10)
    if (tenth > last && sizeBytes > pieceBytes) progress(`${tenth * 10} %`)
    last = Math.max(last, tenth)
  }
}

/** Asked before the first byte: nobody waits an hour for this answer. */
async function requireSpace({ path, sizeBytes }: FileRequest, doneBytes: number): Promise<void> {
  const free = await freeBytes(dirname(path))
  if (sizeBytes - doneBytes > free) throw downloadDiskFull(dirname(path), sizeBytes - doneBytes, free)
}

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOTDIR: 'part of the path is a file',
  EEXIST: 'a file is in its place',
  EISDIR: 'a folder is in its place',
  ENAMETOOLONG: 'the name is too long for this file system',
}

async function explain(error: unknown, request: FileRequest): Promise<unknown> {
  const { code } = error as NodeJS.ErrnoException
  const place = dirname(request.path)
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const done = await stat(partPath(request)).then(({ size }) => size, () => 0)
    return downloadDiskFull(place, request.sizeBytes - done, await freeBytes(place))
  }
  const problem = words[code ?? '']
  return problem === undefined ? error : outputNotWritable(request.path, problem, '--output')
}
