/**
 * Makes a file of a release out of older copies on this machine, and asks the server only for what they lack.
 * By the chunk index each segment of the file is, in this order: there as it is; made of blocks of content that are
 * there, compressed again; or downloaded. Nothing of this is trusted: each segment is held against its digest, and the
 * whole file against the release's.
 */
import { mkdtemp, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { PipelineError } from '../errors/pipeline-error.js'
import { exitCodes } from '../errors/exit-codes.js'
import type { Run } from '../tools/command.js'
import { blockBytes, blockDigest } from '../tools/chunk-index.js'
import type { ChunkIndex, Segment } from '../tools/chunk-index.js'
import { createGate } from '../tools/gate.js'
import type { Gate } from '../tools/gate.js'
import { segmentBytes } from '../tools/segment-bytes.js'
import type { Encoding } from '../tools/segment-bytes.js'
import { convertCommand } from '../tools/qemu-img.js'
import { blockTable } from './block-table.js'
import type { BlockTable } from './block-table.js'
import type { FetchDeps, FileRequest, PieceSource } from './fetch-file.js'
import { openOlderCopy } from './older-copy.js'
import type { OlderCopy } from './older-copy.js'
import type { Piece } from './ordered-pieces.js'
import { pieceBuffers } from './piece-buffers.js'
import { createReencoder } from './reencode.js'
import type { Reencoder } from './reencode.js'

export interface DeltaRequest {
  readonly file: FileRequest
  readonly index: ChunkIndex
  /** Paths of older copies, of any format. */
  readonly older: readonly string[]
  readonly run: Run
}

/** Neighbouring segments up to this size are one piece. */
const pieceBytes = 4 * 1024 * 1024
/** Ranges with less between them are one: a request costs more than so many bytes. */
const gapBytes = 16 * 1024

/** Errors: those of the file system. `close` removes what was made on the way. */
export async function deltaSource(request: DeltaRequest, deps: FetchDeps): Promise<PieceSource> {
  const opened: OlderCopy[] = []
  const cleanUps: (() => Promise<unknown>)[] = []
  const close = async () => {
    for (const copy of opened) await copy.close()
    for (const cleanUp of cleanUps) await cleanUp()
  }
  try {
    for (const path of request.older) opened.push(await openOlderCopy(path, deps.signal))
    const table = blockTable(opened.map(copy => copy.index))
    const found: Found = { copies: [...opened], table, reencoders: reencoders() }
    const made = await recompress(request, found, deps)
    if (made) {
      cleanUps.push(made.remove)
      opened.push(made.copy)
    }
    const held = segmentsHeld(opened)
    return { pieces: piecesOf(request, { ...found, held }, deps), close }
  } catch (error) {
    await close()
    throw error
  }
}

interface Found {
  /** As the table knows them. */
  readonly copies: readonly OlderCopy[]
  readonly table: BlockTable
  readonly reencoders: Readonly<Record<Encoding, Reencoder>>
}

interface Sources extends Found {
  readonly held: ReadonlyMap<string, Held>
}

interface Held {
  readonly copy: OlderCopy
  readonly segment: Segment
}

function reencoders(): Readonly<Record<Encoding, Reencoder>> {
  return { stored: createReencoder('stored'), qcow2: createReencoder('qcow2'), zlib: createReencoder('zlib'), deflate: createReencoder('deflate') }
}

function segmentsHeld(copies: readonly OlderCopy[]): Map<string, Held> {
  return new Map(copies.flatMap(copy => copy.index.segments.map(segment => [segment.digest, { copy, segment }] as const)))
}

function piecesOf({ file, index }: DeltaRequest, sources: Sources, deps: FetchDeps): Piece[] {
  const groups: Segment[][] = []
  let bytes = Infinity
  for (const segment of index.segments) {
    if (bytes + segment.lengthBytes > pieceBytes) {
      groups.push([])
      bytes = 0
    }
    groups.at(-1)?.push(segment)
    bytes += segment.lengthBytes
  }
  const lengths = groups.map(segments => segments.reduce((sum, segment) => sum + segment.lengthBytes, 0))
  // Each piece may need many ranges, and several pieces are loaded at once.
  const gate = createGate(deps.connections)
  const buffers = pieceBuffers(lengths.reduce((most, each) => Math.max(most, each), 0))
  return groups.map((segments, place) => {
    const offsetBytes = segments[0]?.offsetBytes ?? 0
    const lengthBytes = lengths[place] ?? 0
    const job = { file, index, sources, deps, gate, segments, offsetBytes }
    const load = async (signal: AbortSignal) => await loadPiece({ ...job, buffer: buffers.take(lengthBytes) }, signal)
    return { offsetBytes, lengthBytes, load, done: buffers.giveBack }
  })
}

interface PieceJob {
  readonly file: FileRequest
  readonly index: ChunkIndex
  readonly sources: Sources
  readonly deps: FetchDeps
  /** For ranges, common to all pieces. */
  readonly gate: Gate
  readonly segments: readonly Segment[]
  readonly offsetBytes: number
  /** Gets the piece's bytes, all of them. */
  readonly buffer: Buffer
}

/** Of the file: from (inclusive) and to (exclusive). */
interface Missing {
  readonly from: number
  readonly to: number
}

async function loadPiece(job: PieceJob, signal: AbortSignal): Promise<Buffer> {
  const { file: { url, sizeBytes }, deps: { http }, offsetBytes, buffer } = job
  const missing: Missing[] = []
  for (const segment of job.segments) {
    signal.throwIfAborted()
    const into = buffer.subarray(segment.offsetBytes - offsetBytes, segment.offsetBytes - offsetBytes + segment.lengthBytes)
    missing.push(...(await fill(segment, into, job)))
  }
  const load = async ({ from, to }: Missing) => {
    signal.throwIfAborted()
    const bytes = await http.range({ url, startBytes: from, lengthBytes: to - from, sizeBytes }, signal)
    bytes.copy(buffer, from - offsetBytes)
  }
  await Promise.all(rangesOf(missing).map(range => job.gate(() => load(range))))
  return buffer
}

function rangesOf(missing: readonly Missing[]): readonly Missing[] {
  const joined: Missing[] = []
  for (const { from, to } of missing) {
    const last = joined.at(-1)
    if (last && from - last.to < gapBytes) joined.splice(-1, 1, { from: last.from, to })
    else joined.push({ from, to })
  }
  return joined
}

/** Writes what is known of a segment; returns what must be downloaded. */
async function fill(segment: Segment, into: Buffer, { index, sources }: PieceJob): Promise<Missing[]> {
  const held = sources.held.get(segment.digest)
  const bytes = held?.segment.lengthBytes === segment.lengthBytes ? await held.copy.segment(held.segment) : undefined
  if (bytes) {
    bytes.copy(into)
    return []
  }
  const { content, missing } = await assemble(segment, index, sources)
  const whole = { from: segment.offsetBytes, to: segment.offsetBytes + segment.lengthBytes }
  if (segment.encoding === 'stored') {
    content.copy(into)
    return missing
  }
  const encoded = missing.length === 0 ? await sources.reencoders[segment.encoding].encode(content, segment.digest) : undefined
  if (encoded?.length !== segment.lengthBytes) return [whole]
  encoded.copy(into)
  return []
}

/** Every copy has it. */
const zeroBlock = blockDigest(Buffer.alloc(blockBytes))

/** The content as far as older copies have it; what is missing is told as if the segment were stored plainly. */
async function assemble(segment: Segment, index: ChunkIndex, { copies, table }: Found): Promise<{ content: Buffer; missing: Missing[] }> {
  const content = Buffer.alloc(segment.contentBytes)
  const missing: Missing[] = []
  for (let at = 0; at < content.length; at += blockBytes) {
    const digest = index.blocks[segment.firstBlock + at / blockBytes] ?? 0n
    if (digest === zeroBlock) continue
    const place = table.find(digest)
    const block = place && (await copies[place.copy]?.block(place.block))
    const to = Math.min(at + blockBytes, content.length)
    if (block?.length === to - at) block.copy(content, at)
    else missing.push({ from: segment.offsetBytes + at, to: segment.offsetBytes + to })
  }
  return { content, missing }
}

interface Recompressed {
  readonly copy: OlderCopy
  readonly remove: () => Promise<void>
}

/**
 * qemu-img, which wrote the clusters of a qcow2, is not to be matched by our own zlib: it compresses what is known
 * but lies otherwise, in one go. The result is one more copy to take segments from.
 */
async function recompress(request: DeltaRequest, found: Found, deps: FetchDeps): Promise<Recompressed | undefined> {
  const wanted = await wantedOf(request, found)
  if (wanted.length === 0) return undefined
  const folder = await mkdtemp(join(dirname(request.file.path), '.delta-'))
  const remove = () => rm(folder, { recursive: true, force: true })
  try {
    const [raw, made] = [join(folder, 'raw'), join(folder, 'qcow2')]
    await writeContents(raw, wanted, request.index, found)
    const options = { compat: '1.1', compression_type: 'zlib', cluster_size: segmentBytes }
    const command = convertCommand({ from: { path: raw, format: 'raw' }, to: { path: made, format: 'qcow2' }, compress: true, options })
    await request.run(command, { reason: 'make a delta of a qcow2' })
    return { copy: await openOlderCopy(made, deps.signal), remove }
  } catch (error) {
    await remove()
    if (!(error instanceof PipelineError) || error.exitCode === exitCodes.interrupted) throw error
    deps.progress(`more is downloaded than would be needed: ${error.message}`)
    return undefined
  }
}

/** Clusters whose content is known, that no copy holds as they are, and that our own zlib does not make either. */
async function wantedOf({ index }: DeltaRequest, found: Found): Promise<Segment[]> {
  const held = segmentsHeld(found.copies)
  const wanted = index.segments.filter(segment =>
    segment.encoding === 'qcow2' && segment.contentBytes === segmentBytes && !held.has(segment.digest) && isKnown(segment, index, found.table)
  )
  const tried = wanted.slice(0, triedFirst)
  const reencoder = createReencoder('qcow2')
  let hits = 0
  for (const segment of tried) {
    const { content } = await assemble(segment, index, found)
    if (await reencoder.encode(content, segment.digest)) hits += 1
  }
  return hits === tried.length ? [] : wanted
}

const triedFirst = 16

function isKnown({ firstBlock, contentBytes }: Segment, { blocks }: ChunkIndex, table: BlockTable): boolean {
  const digests = blocks.subarray(firstBlock, firstBlock + Math.ceil(contentBytes / blockBytes))
  return digests.every(digest => digest === zeroBlock || table.find(digest) !== undefined)
}

async function writeContents(path: string, segments: readonly Segment[], index: ChunkIndex, found: Found): Promise<void> {
  const file = await open(path, 'w')
  try {
    for (const [place, segment] of segments.entries()) {
      const { content } = await assemble(segment, index, found)
      await file.write(content, 0, content.length, place * segmentBytes)
    }
    await file.truncate(segments.length * segmentBytes)
  } finally {
    await file.close()
  }
}
