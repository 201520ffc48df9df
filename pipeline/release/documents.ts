/** The sealed documents of a published tree: a release's index, a channel's pointer, an appliance's list of releases. */
import type { ReportedCheck } from '../stages/verify-report.js'
import type { Signature, SignatureKind } from '../tools/signature.js'

interface Document {
  readonly formatVersion: 1
  readonly appliance: string
}

/** What two documents that change have: readers refuse a lower serial than they have seen, and one that expired. */
export interface Renewed {
  /** Counts up with every writing of this document, from 1. */
  readonly serial: number
  /** When it was sealed, ISO 8601. */
  readonly date: string
  /** ISO 8601; a reader takes nothing from the document after it. */
  readonly expires: string
}

export interface PublishedFile {
  /** Relative to the release's folder, `/` between its parts. */
  readonly path: string
  readonly sizeBytes: number
  /** Lower-case hex, of the whole file. */
  readonly sha256: string
  readonly mediaType: string
  /** Absent: no program. In documents of older versions it is always absent, and names that end in .sh are programs. */
  readonly executable?: true
  /** The target it belongs to; absent: to the whole release. */
  readonly target?: string
  /** Path of its chunk index (chunk-index.ts), where a delta from an older copy is offered. */
  readonly chunkIndex?: string
}

export interface PublishedTarget {
  readonly name: string
  /** One line for people. */
  readonly summary: string
  /** Path of the largest file that is published, the one a person wants. */
  readonly mainFile: string
  readonly sizeBytes: number
  /** What was booted, where, and how it ended; empty: QEMU cannot play this target's hardware. */
  readonly boots: readonly PublishedBoot[]
}

export interface PublishedBoot {
  /** `bios`, `uefi`. */
  readonly name: string
  readonly status: ReportedCheck['status']
  /** Power-on to ready. */
  readonly readyMs?: number
}

/** `<appliance>/<version>/index.json` */
export interface ReleaseDocument extends Document {
  readonly kind: 'release'
  readonly title: string
  readonly version: string
  readonly architecture: string
  /** Date of the newest input, ISO 8601. */
  readonly date: string
  /** False: published with --allow-unverified. Such a release is never in `stable`. */
  readonly verified: boolean
  readonly checks: { readonly passed: number; readonly failed: number; readonly skipped: number }
  /** `KVM` or `emulated`, with QEMU's version; absent without a report. */
  readonly verifiedOn?: string
  /** Kinds of signature beside SHA256SUMS; empty: unsigned. */
  readonly signatures: readonly SignatureKind[]
  readonly targets: readonly PublishedTarget[]
  /** Everything in the folder but this document, in path order. */
  readonly files: readonly PublishedFile[]
}

/** Which bytes a release's index has: the chain of trust goes pointer -> release index -> files. */
export interface ReleaseReference {
  readonly version: string
  /** Of the bytes of `<appliance>/<version>/index.json`. */
  readonly sha256: string
  readonly sizeBytes: number
}

/** `<appliance>/channels/<channel>.json` */
export interface ChannelDocument extends Document, Renewed {
  readonly kind: 'channel'
  readonly channel: string
  /** Absent: every release was taken back. */
  readonly current?: ReleaseReference
  /** What it pointed to before, newest first; `retract` goes back to the first. */
  readonly previous: readonly ReleaseReference[]
  /** Serial of the index when this was written; absent in documents of older versions. */
  readonly indexSerial?: number
}

export interface ListedRelease extends ReleaseReference {
  /** Date of the newest input, ISO 8601. */
  readonly date: string
  readonly publishedAt: string
  readonly verified: boolean
  readonly signed: boolean
  /** All files. */
  readonly totalBytes: number
  readonly targets: readonly string[]
  /** When and why it was taken back; its files are kept. */
  readonly retracted?: Retracted
}

export interface Retracted {
  readonly at: string
  readonly reason: string
  /** While channels are moved back: their names, and what the command was given. */
  readonly unfinished?: readonly string[]
}

/** `<appliance>/index.json` */
export interface IndexDocument extends Document, Renewed {
  readonly kind: 'index'
  readonly title: string
  /** Address of the tree for people, ends in a slash; absent: that of the bucket. */
  readonly publicUrl?: string
  readonly channels: readonly string[]
  /** Serial of each channel's pointer when this was written; absent in documents of older versions. */
  readonly channelSerials?: Readonly<Record<string, number>>
  /** Newest publication first. */
  readonly releases: readonly ListedRelease[]
}

/**
 * What lies in the tree. The signatures are over canonical JSON of `signed` (seal.ts): keys sorted, no white space,
 * UTF-8, no line break at its end; `jq -jcS .signed index.json` prints exactly it.
 */
export interface Sealed<Content> {
  readonly signed: Content
  /** Empty: unsigned. */
  readonly signatures: readonly Signature[]
}

export type SealedDocument = ReleaseDocument | ChannelDocument | IndexDocument
