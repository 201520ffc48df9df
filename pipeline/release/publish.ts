/**
 * Publishes a release: artifacts, then what describes them, then the release's index, the list of releases, then the
 * channel's pointer, whose serial the list notes last. Nobody sees a release before its index is there, and nobody is led to it before the pointer moved.
 */
import { releaseRetracted, releaseSignatureOther, stableNeedsVerified } from '../errors/publish.js'
import { createGate, settleAll } from '../tools/gate.js'
import { usualPartBytes } from '../tools/part-sizes.js'
import { moveChannel, stableChannel } from './channels.js'
import type { IndexDocument, ListedRelease, ReleaseDocument, ReleaseReference, Retracted } from './documents.js'
import { finishChange } from './finish-change.js'
import type { LocalFile, LocalRelease } from './inspect.js'
import type { Journal } from './journal.js'
import { refuseRetracted, requireStillFit } from './move-back.js'
import { releaseHeaders } from './object-headers.js'
import { pieceBuffers } from './piece-buffers.js'
import * as published from './published-tree.js'
import type { Tree } from './published-tree.js'
import { readAppliance } from './put-back.js'
import { manifestName, sumsName } from '../stages/release-folder.js'
import { requireStored } from './stored-files.js'
import { provenanceName, sbomName, treeKeys } from './tree.js'
import { uploadFile } from './upload.js'
import type { FileUpload } from './upload.js'
import { claimVersion, dropClaim, isPublished } from './version-claim.js'
import type { VersionClaim } from './version-claim.js'

export interface PublishRequest {
  readonly release: LocalRelease
  readonly channel: string
  readonly journal: Journal
  /** Requests with a body at a time. */
  readonly parallel: number
  /** Unfinished uploads of this appliance are ended when older. */
  readonly staleMs: number
  /** Address of the tree where its index names none, as in `https://downloads.example.org/images/`; for the Vagrant catalog. */
  readonly publicUrl: string
  /** Takes the mark of a release away that was taken back. @default false: it is refused */
  readonly allowRetracted?: boolean
}

export interface Published {
  readonly version: string
  readonly channel: string
  /** False: it pointed there before. */
  readonly moved: boolean
  /** Bytes that travelled. */
  readonly sentBytes: number
  readonly totalBytes: number
  readonly signed: boolean
  readonly verified: boolean
  /** Address of the tree for people. */
  readonly publicUrl: string
}

/** Errors: those of errors/publish.ts (exit 6), `signature-wrong`, `document-wrong` (exit 5), `interrupted`. */
export async function publish(tree: Tree, request: PublishRequest): Promise<Published> {
  const { release: { document: own }, channel, journal } = request
  const { appliance, version } = own
  if (channel === stableChannel && !own.verified) throw stableNeedsVerified(version)
  requireSameKeys(tree, request.release)
  const { index, channels } = await readAppliance(tree, appliance)
  const seen = channels.find(each => each.document.channel === channel)
  published.requireSameTrust(tree, treeKeys.channel(appliance, channel), seen)
  published.requireSameTrust(tree, treeKeys.index(appliance), index)
  const retracted = retractedOf(index?.document, request)
  if (retracted) await refuseRetracted(tree, { appliance, channel, version, publicUrl: request.publicUrl }, { seen, retracted })
  const claim = await claimVersion(tree, own)
  const { document } = claim
  await endUploads(tree, `${appliance}/`, request.staleMs)
  const sentBytes = await uploadAll(tree, request, claim)
  // Of a release that is published already only what is the same here is sent again.
  await requireStored(tree, document)
  await claim.hold()
  const reference = await writeReleaseIndex(tree, document)
  await listRelease(tree, request, { document, reference })
  // A prune that claims the version from now on sees that it is listed.
  await dropClaim(tree, document)
  // Begun by a publisher that was killed before its journal knew of them; the release is whole, so nobody needs them.
  await endUploads(tree, treeKeys.release(appliance, version))
  const { verified } = document
  const moved = await moveChannel(tree, { appliance, channel, to: reference, verified, seen })
  await requireStillFit(tree, { appliance, channel, version, publicUrl: request.publicUrl })
  const publicUrl = await finishChange(tree, appliance, request.publicUrl)
  await journal.remove()
  const signed = tree.sign !== undefined
  return { version, channel, moved, sentBytes, totalBytes: totalBytes(document), signed, verified, publicUrl }
}

/** What travels, in groups one after the other: artifacts, then what describes them. Large files first. Pure. */
export function objectsOf({ files }: Pick<LocalRelease, 'files'>): readonly (readonly LocalFile[])[] {
  const describes = ({ path }: LocalFile) => [manifestName, sbomName, provenanceName].includes(path) || path.includes(sumsName)
  const inOrder = (group: readonly LocalFile[]) => [...group].sort((a, b) => b.sizeBytes - a.sizeBytes || (a.path < b.path ? -1 : 1))
  return [inOrder(files.filter(file => !describes(file))), inOrder(files.filter(describes))]
}

/** A signed index over unsigned sums, or the other way round, would say two things to two kinds of readers. */
function requireSameKeys({ sign }: Tree, { folder, document }: LocalRelease): void {
  if (sign && document.signatures.length === 0) throw releaseSignatureOther(folder, 'its SHA256SUMS is not signed, but its index would be')
  if (!sign && document.signatures.length > 0) throw releaseSignatureOther(folder, 'its SHA256SUMS is signed, but there is no key for its index (--sign-key, --openpgp-key)')
}

/** Ends unfinished uploads below a folder of the tree: those that are older, or all. */
async function endUploads({ bucket, prefix, progress, now }: Tree, folder: string, olderMs = -Infinity): Promise<void> {
  const uploads = await bucket.listUploads(`${prefix}${folder}`)
  for (const upload of uploads.filter(({ startedMs }) => now().getTime() - startedMs > olderMs)) {
    progress(`ending an upload of ${upload.key} that was begun ${new Date(upload.startedMs).toISOString().slice(0, 10)}`)
    await bucket.abortUpload(upload)
  }
}

/** Artifacts before what describes them; within each group side by side. */
async function uploadAll(tree: Tree, { release, journal, parallel }: PublishRequest, claim: VersionClaim): Promise<number> {
  const { signal } = tree
  const bucket = tree.bucket.holding(claim.hold)
  const { document } = claim
  const own = { files: release.files.filter(({ path, sha256 }) => document.files.some(file => file.path === path && file.sha256 === sha256)) }
  const stop = new AbortController()
  const onSent = progressOf(tree, totalBytes(document))
  const begun = parallel + hashedAhead
  const buffers = begun <= mostHeld ? pieceBuffers(usualPartBytes) : undefined
  const context = { bucket, journal, signal, onSent, gate: createGate(parallel), ahead: createGate(begun), ...(buffers ? { buffers } : {}) }
  // Waiting files hold open no request: their number needs a limit of its own.
  const files = createGate(parallel)
  let sent = 0
  for (const group of objectsOf(own)) {
    const jobs = group.map(file => files(async () => {
      stop.signal.throwIfAborted()
      return await uploadFile(uploadOf(tree, document, file), context)
    }))
    sent += (await settleAll(jobs, () => stop.abort())).reduce((sum, bytes) => sum + bytes, 0)
  }
  return sent
}

function uploadOf({ prefix }: Tree, { appliance, version }: ReleaseDocument, file: LocalFile): FileUpload {
  const { local: path, sizeBytes, identity, sha256 } = file
  return { key: `${prefix}${treeKeys.release(appliance, version)}${file.path}`, path, sizeBytes, identity, headers: { ...releaseHeaders(file.path), sha256 } }
}

/** Parts whose digests are known before it is their turn. */
const hashedAhead = 2

/** With more at a time, parts are not held in memory while they travel. */
const mostHeld = 10

const progressEveryMs = 5000

function progressOf({ progress }: Tree, total: number): (bytes: number) => void {
  let [sent, last] = [0, Date.now()]
  return bytes => {
    sent += bytes
    if (Date.now() - last < progressEveryMs) return
    last = Date.now()
    progress(`${Math.round(sent / 1024 / 1024)} of ${Math.round(total / 1024 / 1024)} MiB`)
  }
}

/** An unchanged build has the version of the last one: the next night must not bring back what a person took away. */
function retractedOf(index: IndexDocument | undefined, { release: { document: { version } }, allowRetracted }: PublishRequest): Retracted | undefined {
  return allowRetracted ? undefined : index?.releases.find(each => each.version === version)?.retracted
}

/** The very bytes that lie there count: a signature made again may differ. */
async function writeReleaseIndex(tree: Tree, document: ReleaseDocument): Promise<ReleaseReference> {
  const place = published.releasePlace(document.appliance, document.version)
  for (const last of [false, true]) {
    await isPublished(tree, document)
    const there = await published.readDocument(tree, place)
    if (there && (last || there.signed === (tree.sign !== undefined))) return { version: document.version, sha256: there.sha256, sizeBytes: there.sizeBytes }
    await published.writeDocument(tree, place.key, document, there ?? null)
  }
  throw new TypeError(`${place.key} was written and is not there`)
}

interface PublishedRelease {
  readonly document: ReleaseDocument
  readonly reference: ReleaseReference
}

async function listRelease(tree: Tree, request: PublishRequest, { document, reference }: PublishedRelease): Promise<void> {
  const { channel } = request
  const { appliance, title, date, verified } = document
  await published.changeDocument(tree, published.indexPlace(appliance), before => {
    // It may have been taken back while it was uploaded again.
    const retracted = retractedOf(before?.document, request)
    if (retracted) throw releaseRetracted(document.version, retracted.at, retracted.reason)
    const base = before?.document ?? published.emptyIndex(appliance, title)
    const known = base.releases.find(({ version }) => version === reference.version)
    const listed: ListedRelease = {
      ...reference, date, publishedAt: known?.publishedAt ?? tree.now().toISOString(), verified,
      signed: tree.sign !== undefined, totalBytes: totalBytes(document), targets: document.targets.map(target => target.name),
    }
    const releases = known ? base.releases.map(each => (each === known ? listed : each)) : [listed, ...base.releases]
    return { ...base, title, ...published.renewed(tree, before?.document), channels: [...new Set([...base.channels, channel])].sort(), releases }
  })
}

function totalBytes({ files }: ReleaseDocument): number {
  return files.reduce((sum, file) => sum + file.sizeBytes, 0)
}

