/** `pipeline publish`: uploads a verified, signed release and moves a channel to it. */
import { createHash } from 'node:crypto'
import { join, resolve } from 'node:path'
import { nameUnsafe } from '../errors/publish.js'
import { inspectRelease } from '../release/inspect.js'
import type { LocalRelease } from '../release/inspect.js'
import { openJournal } from '../release/journal.js'
import { mediaTypeOf, releaseHeaders } from '../release/object-headers.js'
import { objectsOf, publish } from '../release/publish.js'
import type { Published } from '../release/publish.js'
import { isSafeName, treeKeys, urlPath } from '../release/tree.js'
import { viewKeys } from '../release/views.js'
import { openHost } from '../run/host.js'
import type { Host } from '../run/host.js'
import { loadTargets } from '../targets/index.js'
import { openHashMemory } from '../tools/hash-memory.js'
import { endpointOf } from '../tools/s3.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import { placesOf } from './places.js'
import { holdReleases } from './session.js'
import type { WriteOptions } from './tree-options.js'
import { openTree, parseTreeUrl, progressOf, publicUrlOf } from './tree-session.js'

export interface PublishOptions extends Omit<WriteOptions, 'appliance'> {
  readonly channel: string
  readonly allowUnverified?: boolean
  readonly allowRetracted?: boolean
  readonly rehash?: boolean
  readonly dryRun?: boolean
  readonly parallel: number
  readonly staleDays: number
}

const dayMs = 24 * 60 * 60 * 1000

/** Prints the address of the release's index. Errors: those of errors/publish.ts (exit 6), `name-unsafe`, `endpoint-wrong`, `not-a-release` (2). */
export async function runPublish(folder: string, options: PublishOptions, io: CommandIo): Promise<void> {
  if (!isSafeName(options.channel)) throw nameUnsafe('channel', options.channel)
  parseTreeUrl(options.to)
  if (!options.dryRun) endpointOf({ ...options, env: io.env })
  const host = openHost(io)
  try {
    const letGo = await holdReleases(options, host, io, `publish ${folder}`)
    try {
      await publishFolder(resolve(folder), { options, host, io })
    } finally {
      letGo()
    }
  } finally {
    host.close()
  }
}

async function publishFolder(folder: string, { options, host, io }: { readonly options: PublishOptions; readonly host: Host; readonly io: CommandIo }): Promise<void> {
  const { state } = placesOf(options)
  const { bucket, prefix } = parseTreeUrl(options.to)
  const memory = await openHashMemory(join(state, 'hashes.json'), { rehash: options.rehash ?? false })
  const summaries = Object.fromEntries((await loadTargets()).map(({ name, summary }) => [name, summary]))
  const release = await inspectRelease(folder, { memory, signal: host.signal, allowUnverified: options.allowUnverified ?? false, chunkCache: join(state, 'chunks'), summaries })
  if (!release.document.verified) progressOf(io)('publishing a release that is NOT VERIFIED; it is marked so')
  if (options.dryRun) return printObjects(release, { prefix, channel: options.channel, json: options.json ?? false }, io)
  const tree = await openTree({ ...options, appliance: release.document.appliance }, host, io)
  try {
    const name = createHash('sha256').update(`${tree.bucket.server} ${bucket} ${prefix} ${release.document.appliance} ${release.document.version}`).digest('hex').slice(0, 16)
    const published = await publish(tree, {
      release, channel: options.channel, journal: openJournal(join(state, 'publish', `${name}.jsonl`)),
      parallel: options.parallel, staleMs: options.staleDays * dayMs, publicUrl: publicUrlOf(options, tree),
      allowRetracted: options.allowRetracted ?? false,
    })
    report(published, release.document.appliance, options, io)
  } finally {
    tree.bucket.close()
  }
}

/** `address` is a folder's: in a bucket nothing lies under such a name, so people are given the other two. Pure. */
export function addressesOf({ publicUrl, version }: Pick<Published, 'publicUrl' | 'version'>, appliance: string): Readonly<Record<'address' | 'index' | 'page', string>> {
  const at = (key: string) => `${publicUrl}${urlPath(key)}`
  return { address: at(treeKeys.release(appliance, version)), index: at(treeKeys.releaseIndex(appliance, version)), page: at(treeKeys.page) }
}

function report(published: Published, appliance: string, { json }: PublishOptions, io: CommandIo): void {
  const { version, channel, moved, sentBytes, totalBytes, signed, verified } = published
  const mib = (bytes: number) => Math.round(bytes / 1024 / 1024)
  progressOf(io)(
    `publish: ${mib(sentBytes)} of ${mib(totalBytes)} MiB travelled; ${channel} ${moved ? 'now points' : 'points'} to ${version}` +
    `${signed ? '' : ' (UNSIGNED)'}${verified ? '' : ' (NOT VERIFIED)'}`
  )
  const addresses = addressesOf(published, appliance)
  progressOf(io)(`publish: the page is ${addresses.page}`)
  if (json) printJson(io, { ...published, ...addresses })
  else printLine(io, addresses.index)
}

/** Every object in the order it would travel. */
function printObjects(release: LocalRelease, { prefix, channel, json }: { prefix: string; channel: string; json: boolean }, io: CommandIo): void {
  const { appliance, version } = release.document
  const files = objectsOf(release).flat().map(({ path, sizeBytes, sha256 }) => ({ key: `${prefix}${treeKeys.release(appliance, version)}${path}`, sizeBytes, sha256, ...releaseHeaders(path) }))
  const sealed = [treeKeys.releaseIndex(appliance, version), treeKeys.index(appliance), treeKeys.channel(appliance, channel)].map(key => ({ key: `${prefix}${key}` }))
  const views = viewKeys(release.document, channel).map(key => ({ key: `${prefix}${key}` }))
  if (json) return printJson(io, { objects: [...files, ...sealed, ...views] })
  for (const { key, sizeBytes, contentType } of files) printLine(io, `${String(sizeBytes).padStart(14)}  ${contentType.split(';')[0]?.padEnd(34)}  ${key}`)
  const line = (kind: string) => ({ key }: { key: string }) => printLine(io, `${kind.padStart(14)}  ${mediaTypeOf(key).split(';')[0]?.padEnd(34)}  ${key}`)
  sealed.forEach(line('sealed'))
  views.forEach(line('view'))
}
