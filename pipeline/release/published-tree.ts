/** Reads and changes the sealed documents of one published tree, so that no change of another publisher is lost. */
import { treeBusy, wouldAdopt, wouldUnsign } from '../errors/publish.js'
import type { Run } from '../tools/command.js'
import { createGate, settleAll } from '../tools/gate.js'
import { delayMs, pause } from '../tools/retry.js'
import type { Bucket } from '../tools/s3.js'
import type { TrustedKeys } from '../tools/signature.js'
import type { ConditionalWriter, Seen } from './conditional.js'
import type { ChannelDocument, IndexDocument, Renewed, SealedDocument } from './documents.js'
import { changingHeaders } from './object-headers.js'
import { isBehind, noteSerials, requireNotOlder, withSerials } from './put-back.js'
import { checkSignatures, parseSealed, seal } from './seal.js'
import type { Sign } from './seal.js'
import type { Serials } from './seen.js'
import { channelFolder, keyOf, sha256Text, treeKeys } from './tree.js'

export interface Tree {
  readonly bucket: Bucket
  /** Empty, or ends in a slash. */
  readonly prefix: string
  readonly writer: ConditionalWriter
  /** Absent: this command has no key. */
  readonly sign?: Sign
  /** Whose signatures count on what is there already. */
  readonly trusted: TrustedKeys
  readonly run: Run
  readonly signal: AbortSignal
  readonly progress: (line: string) => void
  readonly now: () => Date
  /** How long a document is valid after it was sealed. */
  readonly validMs: number
  /** Sign what lies there unsigned. */
  readonly adoptUnsigned: boolean
  /** What is known of the tree's serials. */
  readonly serials: Serials
  /** Go on from an older state than is known. @default false */
  readonly acceptOlder?: boolean
  /** Address of the tree for people, where this command was told one; ends in a slash. */
  readonly publicUrl?: string
}

/** What reading takes; without serials nothing is found to be older than it was. */
export type ReadTree = Pick<Tree, 'bucket' | 'prefix' | 'trusted' | 'run' | 'acceptOlder'> & Partial<Pick<Tree, 'serials'>>

export interface Read<Content> {
  readonly document: Content
  readonly etag: string
  readonly signed: boolean
  readonly sha256: string
  readonly sizeBytes: number
}

type OfKind<Kind extends SealedDocument['kind']> = Extract<SealedDocument, { kind: Kind }>

export interface Place<Kind extends SealedDocument['kind']> {
  readonly kind: Kind
  readonly appliance: string
  /** Without the tree's prefix. */
  readonly key: string
}

/**
 * Undefined when it is not there. Errors: `document-wrong`, `signature-wrong`, `tree-put-back` (exit 5): a document that
 * somebody else has written, or put back, is never built upon.
 */
export async function readDocument<Kind extends SealedDocument['kind']>(
  tree: ReadTree,
  place: Place<Kind>
): Promise<Read<OfKind<Kind>> | undefined> {
  const known = tree.serials?.highest(place.key) ?? 0
  const read = await readChecked(tree, place)
  requireNotOlder(tree, place.key, { found: read?.document, known })
  // Anybody can write any serial into what is not signed.
  if (read && tree.serials && (read.signed || !hasKeys(tree))) await noteSerials(tree.serials, place.key, read.document)
  return read
}

async function readChecked<Kind extends SealedDocument['kind']>(tree: ReadTree, { kind, appliance, key }: Place<Kind>): Promise<Read<OfKind<Kind>> | undefined> {
  const found = await tree.bucket.get(`${tree.prefix}${key}`)
  if (!found) return undefined
  const sealed = parseSealed(found.text, { kind, appliance, key, what: key })
  const signed = hasKeys(tree) ? await checkSignatures(sealed, { what: key, trusted: tree.trusted, run: tree.run }) : sealed.signatures.length > 0
  return { document: sealed.signed, etag: found.etag, signed, sha256: sha256Text(found.text), sizeBytes: Buffer.byteLength(found.text) }
}

function hasKeys({ trusted }: Pick<Tree, 'trusted'>): boolean {
  return trusted.ssh.length + trusted.openpgp.length > 0
}

/** Whose seal a command can put on what it has read. */
export type Trusting = Pick<Tree, 'sign' | 'adoptUnsigned'>

/**
 * For what a command decides by: a document that it could not seal as it found it must not say what is sealed, or deleted, next
 * to it. Errors: besides those of readDocument, `would-unsign`, `would-adopt` (exit 6).
 */
export async function readTrusted<Kind extends SealedDocument['kind']>(tree: ReadTree & Trusting, place: Place<Kind>): Promise<Read<OfKind<Kind>> | undefined> {
  const read = await readDocument(tree, place)
  requireTrusted(tree, [read])
  return read
}

/** Before the first write. Errors: `would-unsign`, `would-adopt` (exit 6). */
export function requireTrusted(tree: Trusting, reads: readonly (Read<SealedDocument> | undefined)[]): void {
  for (const read of reads) if (read) requireSameTrust(tree, keyOf(read.document), read)
}

/** Errors: `would-unsign`, `would-adopt` (exit 6). */
export function requireSameTrust(tree: Trusting, key: string, read: Pick<Read<object>, 'signed'> | undefined): void {
  if (!read) return
  if (read.signed && !tree.sign) throw wouldUnsign(key)
  if (!read.signed && tree.sign && !tree.adoptUnsigned) throw wouldAdopt(key)
}

/** False: another publisher wrote first. Errors: those of Bucket, `would-unsign`, `would-adopt` (exit 6). */
export async function writeDocument(tree: Tree, key: string, document: SealedDocument, seen: (Seen & { readonly signed: boolean }) | null): Promise<boolean> {
  requireSameTrust(tree, key, seen ?? undefined)
  const written = withSerials(tree.serials, key, tree.acceptOlder && document.kind === 'index' ? await asItLies(tree, document) : document)
  const text = await seal(written, tree.sign ?? (async () => []))
  const { won } = await tree.writer.write(`${tree.prefix}${key}`, text, seen, changingHeaders(key))
  if (won) await noteSerials(tree.serials, key, written)
  return won
}

/** After --accept-older: a pointer that is gone is named no more, or every later command would miss it. */
async function asItLies(tree: Tree, index: IndexDocument): Promise<IndexDocument> {
  const present = await channelNames(tree, index.appliance)
  const gone = Object.keys(index.channelSerials ?? {}).filter(channel => !present.includes(channel))
  return { ...index, channels: [...new Set([...index.channels.filter(channel => !gone.includes(channel)), ...present])].sort() }
}

/** Serial, date and expiry of the next version of a document. */
export function renewed(tree: Pick<Tree, 'now' | 'validMs'>, before: Renewed | undefined): Renewed {
  const now = tree.now()
  return { serial: (before?.serial ?? 0) + 1, date: now.toISOString(), expires: new Date(now.getTime() + tree.validMs).toISOString() }
}

const writeTries = 12

/**
 * Reads, changes and writes until nobody was faster. `change` gets what is there now; undefined from it: leave it.
 * Errors: `tree-busy` (exit 6), those of readDocument and writeDocument, those of `change`.
 */
export async function changeDocument<Kind extends 'channel' | 'index'>(
  tree: Tree,
  place: Place<Kind>,
  change: (before: Read<OfKind<Kind>> | undefined) => OfKind<Kind> | undefined
): Promise<OfKind<Kind> | undefined> {
  for (let attempt = 0; attempt < writeTries; attempt += 1) {
    const before = await readDocument(tree, place)
    const after = change(before)
    if (!after) return before?.document
    if (await writeDocument(tree, place.key, after, before ?? null)) return after
    await pause(delayMs(Math.min(attempt, 4)), tree.signal)
  }
  throw treeBusy(place.key)
}

/** The same of the list of releases. Errors: those of changeDocument. */
export async function changeIndex(tree: Tree, appliance: string, change: (index: Omit<IndexDocument, 'serial' | 'date' | 'expires'>) => Omit<IndexDocument, 'serial' | 'date' | 'expires'>): Promise<void> {
  await changeDocument(tree, indexPlace(appliance), before => ({ ...change(before?.document ?? emptyIndex(appliance, appliance)), ...renewed(tree, before?.document) }))
}

/** Names of an appliance's channels, as they lie there. */
export async function channelNames({ bucket, prefix }: Pick<Tree, 'bucket' | 'prefix'>, appliance: string): Promise<readonly string[]> {
  const folder = `${prefix}${appliance}/${channelFolder}/`
  const keys = (await bucket.list(folder)).map(({ key }) => key.slice(folder.length))
  return keys.filter(name => /^[^/]+\.json$/.test(name)).map(name => name.slice(0, -'.json'.length))
}

export function channelPlace(appliance: string, channel: string): Place<'channel'> {
  return { kind: 'channel', appliance, key: treeKeys.channel(appliance, channel) }
}

export function releasePlace(appliance: string, version: string): Place<'release'> {
  return { kind: 'release', appliance, key: treeKeys.releaseIndex(appliance, version) }
}

export function indexPlace(appliance: string): Place<'index'> {
  return { kind: 'index', appliance, key: treeKeys.index(appliance) }
}

/** Every channel with its name. Errors: those of readDocument. */
export async function readChannels(tree: ReadTree, appliance: string): Promise<readonly Read<ChannelDocument>[]> {
  return await readPresent(tree, (await channelNames(tree, appliance)).map(name => channelPlace(appliance, name)))
}

/** Documents in memory at a time, each of documentLimitBytes at most, and programs that check signatures. */
export const readAtOnce = 8

/** Those that are there, in their order. Errors: those of readDocument. */
export async function readPresent<Kind extends SealedDocument['kind']>(tree: ReadTree, places: readonly Place<Kind>[]): Promise<readonly Read<OfKind<Kind>>[]> {
  const [gate, stop] = [createGate(readAtOnce), new AbortController()]
  const jobs = places.map(place => gate(async () => {
    stop.signal.throwIfAborted()
    return await readDocument(tree, place)
  }))
  return (await settleAll(jobs, () => stop.abort())).flatMap(read => read ?? [])
}

/** A pointer that this command did not change gets a new date before a third of its time is over; --adopt-unsigned seals it. */
export async function renewOthers(tree: Tree, appliance: string): Promise<void> {
  for (const { document, signed } of await readChannels(tree, appliance)) {
    const isAdopted = isAdoptedBy(tree, signed)
    if (!isAdopted && !isAging(document, tree) && !isOlder(tree, channelPlace(appliance, document.channel), document)) continue
    if (!isAdopted && signed !== (tree.sign !== undefined)) {
      if (isAging(document, tree)) tree.progress(`${document.channel} expires ${document.expires.slice(0, 10)}; it is ${signed ? 'signed' : 'not signed'}, and this command could not seal it alike`)
      continue
    }
    await changeDocument(tree, channelPlace(appliance, document.channel), before => before && { ...before.document, ...renewed(tree, before.document) })
  }
}

/** Notes the address that this command was told in the index: later commands and their views keep it. */
export async function keepPublicUrl(tree: Tree, appliance: string): Promise<void> {
  const { publicUrl } = tree
  if (publicUrl === undefined) return
  await changeDocument(tree, indexPlace(appliance), before =>
    before && before.document.publicUrl !== publicUrl ? { ...before.document, ...renewed(tree, before.document), publicUrl } : undefined)
}

/**
 * The list, too, when nothing else of it changes: a prune that finds nothing to delete keeps the tree readable. It names the
 * serials of the pointers that this command has moved.
 */
export async function renewIndex(tree: Tree, appliance: string): Promise<void> {
  const read = await readDocument(tree, indexPlace(appliance))
  const isDue = ({ document: index, signed }: Read<IndexDocument>) =>
    tree.acceptOlder === true || isAdoptedBy(tree, signed) || isAging(index, tree) || isOlder(tree, indexPlace(appliance), index) || isBehind(tree.serials, index)
  if (!read || !isDue(read)) return
  if (!isAdoptedBy(tree, read.signed) && read.signed !== (tree.sign !== undefined)) {
    if (isAging(read.document, tree)) tree.progress(`the list of releases expires ${read.document.expires.slice(0, 10)}; it is ${read.signed ? 'signed' : 'not signed'}, and this command could not seal it alike`)
    return
  }
  await changeDocument(tree, indexPlace(appliance), before => before && isDue(before) ? { ...before.document, ...renewed(tree, before.document) } : undefined)
}

/** Or the next command, which is not told to, would refuse it. */
function isAdoptedBy({ sign, adoptUnsigned }: Trusting, signed: boolean): boolean {
  return adoptUnsigned && sign !== undefined && !signed
}

/** After --accept-older: its serial must rise above what readers have seen. */
function isOlder({ serials }: Tree, { key }: Place<'channel' | 'index'>, { serial }: Renewed): boolean {
  return serial < serials.highest(key)
}

function isAging({ expires }: Renewed, { now, validMs }: Tree): boolean {
  return Date.parse(expires) - now().getTime() < (validMs * 2) / 3
}

export function emptyIndex(appliance: string, title: string): Omit<IndexDocument, keyof Renewed> {
  return { formatVersion: 1, kind: 'index', appliance, title, channels: [], releases: [] }
}
