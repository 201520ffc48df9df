/** What is done to a published tree after publishing: list, promote, retract, prune. */
import { PipelineError } from '../errors/pipeline-error.js'
import { channelEmpty, channelUnknown, promoteUnsigned } from '../errors/publish.js'
import { channelPlace, changeDocument, emptyIndex, indexPlace, readChannels, readDocument, readTrusted, renewed, requireTrusted } from './published-tree.js'
import type { Read, ReadTree, Tree } from './published-tree.js'
import { readAppliance } from './put-back.js'
import { moveChannel } from './channels.js'
import type { ChannelDocument, IndexDocument, ListedRelease } from './documents.js'
import { finishChange } from './finish-change.js'
import { movePointersBack, refuseRetracted, requireStillFit } from './move-back.js'
import { manifestName, sumsName } from '../stages/release-folder.js'
import { indexName, treeKeys } from './tree.js'
import { claimName, claimToPrune, dropClaim } from './version-claim.js'

export interface ListedTree {
  readonly appliance: string
  readonly signed: boolean
  readonly expires: string
  readonly channels: readonly { readonly channel: string; readonly version: string | null; readonly serial: number; readonly expires: string; readonly signed: boolean }[]
  readonly releases: readonly ListedRelease[]
}

/** Undefined when nothing of it is published. Errors of all here: those of readDocument and Bucket. */
export async function listTree(tree: Pick<Tree, 'bucket' | 'prefix' | 'trusted' | 'run'>, appliance: string): Promise<ListedTree | undefined> {
  const index = await readDocument(tree, indexPlace(appliance))
  if (!index) return undefined
  const channels = (await readChannels(tree, appliance)).map(({ document: { channel, current, serial, expires }, signed }) =>
    ({ channel, version: current?.version ?? null, serial, expires, signed }))
  return { appliance, signed: index.signed, expires: index.document.expires, channels, releases: index.document.releases }
}

/**
 * Points a channel to the release that another one points to. Nothing is uploaded. Returns its version. Errors: besides those
 * of moveChannel and requireStillFit, `channel-unknown` (exit 2), `channel-empty`, `promote-unsigned` (exit 6).
 */
export async function promote(tree: Tree, { appliance, from, to, publicUrl }: { readonly appliance: string; readonly from: string; readonly to: string; readonly publicUrl: string }): Promise<{ version: string; moved: boolean }> {
  const { channels } = await readAppliance(tree, appliance)
  const [source, seen] = [from, to].map(name => channels.find(({ document }) => document.channel === name))
  if (!source) throw channelUnknown(from, channels.map(({ document }) => document.channel))
  const index = await readDocument(tree, indexPlace(appliance))
  requireTrusted(tree, [source, seen, index])
  const { current } = source.document
  if (!current) throw channelEmpty(from)
  const release = index?.document.releases.find(({ version }) => version === current.version)
  if (!release) throw channelUnknown(current.version, [])
  if (release.retracted) await refuseRetracted(tree, { appliance, channel: to, version: release.version, publicUrl }, { seen, retracted: release.retracted })
  if (tree.sign && !release.signed) throw promoteUnsigned(release.version, to)
  // Which bytes a version has is said by the list, for all of its pointers.
  const { version, sha256, sizeBytes, verified } = release
  const moved = await moveChannel(tree, { appliance, channel: to, to: { version, sha256, sizeBytes }, verified, seen })
  await changeIndex(tree, appliance, before => ({ ...before, channels: [...new Set([...before.channels, to])].sort() }))
  await requireStillFit(tree, { appliance, channel: to, version, publicUrl })
  await finishChange(tree, appliance, publicUrl)
  return { version, moved }
}

export interface Retraction {
  readonly appliance: string
  /** A channel, whose current release is meant, or a version. */
  readonly what: string
  readonly reason: string
  readonly publicUrl: string
}

/**
 * Every channel that points to the release goes back to the one before; the files stay. The mark is written first and names
 * the channels until all is done: run again after a kill, it ends what was begun, and takes no other release back.
 */
export async function retract(tree: Tree, { appliance, what, reason, publicUrl }: Retraction): Promise<{ version: string; channels: Readonly<Record<string, string | null>> }> {
  const { channels, index } = await readAppliance(tree, appliance)
  const releases = index?.document.releases ?? []
  const begun = releases.filter(({ retracted }) => retracted?.unfinished)
  const version = begun.find(({ retracted }) => retracted?.unfinished?.includes(what))?.version ?? versionOf(what, channels, releases)
  const all = [version, ...begun.map(each => each.version).filter(each => each !== version)]
  requireTrusted(tree, [index, ...channels.filter(({ document: { channel, current } }) => channel === what || all.includes(current?.version ?? ''))])
  const pointing = (wanted: string) => channels.filter(({ document }) => document.current?.version === wanted).map(({ document }) => document.channel)
  const mark = (each: ListedRelease): ListedRelease => each.version !== version ? each : {
    ...each, retracted: { at: tree.now().toISOString(), reason, ...each.retracted, unfinished: each.retracted?.unfinished ?? [...new Set([...pointing(version), what])] },
  }
  await changeIndex(tree, appliance, before => ({ ...before, releases: before.releases.map(mark) }))
  for (const each of all) await movePointersBack(tree, appliance, each)
  const moved = await pointersOf(tree, appliance, begun.find(each => each.version === version)?.retracted?.unfinished ?? pointing(version))
  await finishChange(tree, appliance, publicUrl)
  await changeIndex(tree, appliance, before => ({ ...before, releases: before.releases.map(each => (all.includes(each.version) ? finished(each) : each)) }))
  return { version, channels: moved }
}

/** Errors: `channel-unknown` (exit 2), `channel-empty` (exit 6). */
function versionOf(what: string, channels: readonly Read<ChannelDocument>[], releases: readonly ListedRelease[]): string {
  const channel = channels.find(({ document }) => document.channel === what)
  if (channel && !channel.document.current) throw channelEmpty(what)
  const version = channel?.document.current?.version ?? releases.find(each => each.version === what)?.version
  if (version === undefined) throw channelUnknown(what, channels.map(({ document }) => document.channel))
  return version
}

async function pointersOf(tree: Tree, appliance: string, names: readonly string[]): Promise<Record<string, string | null>> {
  const channels = (await readChannels(tree, appliance)).map(({ document }) => document).filter(({ channel }) => names.includes(channel))
  return Object.fromEntries(channels.map(({ channel, current }) => [channel, current?.version ?? null]))
}

function finished(release: ListedRelease): ListedRelease {
  if (!release.retracted) return release
  const { at, reason } = release.retracted
  return { ...release, retracted: { at, reason } }
}

export interface Pruning {
  readonly appliance: string
  /** Newest releases that stay. */
  readonly keep: number
  /** Of those that stable points to or has pointed to. */
  readonly keepStable: number | 'all'
  /** Files of a release that was never finished, or whose pruning was cut, go when older. */
  readonly staleMs: number
  readonly publicUrl: string
}

export interface Pruned {
  /** Versions. */
  readonly removed: readonly string[]
  readonly kept: readonly string[]
  /** Folders that nothing names, left by a killed publish or prune. */
  readonly leftovers: readonly string[]
  /** Old folders in which nothing says that they were ever a release: somebody else's, and they stay. */
  readonly strange: readonly string[]
  readonly freedBytes: number
}

/**
 * Takes old releases off the list, then out of pointers' memory, then deletes them, index first: what is half deleted
 * is invisible, and the next prune deletes what a killed one has taken off the list. What a channel points to stays,
 * also if it began to in between, and so does what a publisher works on.
 */
export async function prune(tree: Tree, pruning: Pruning): Promise<Pruned> {
  const { appliance } = pruning
  const { wanted, kept } = await chooseDoomed(tree, pruning)
  const removed = await unlist(tree, appliance, wanted)
  const { leftovers, strange } = await findLeftovers(tree, pruning, wanted)
  await forget(tree, appliance, [...removed, ...leftovers])
  const gone = await deleteReleases(tree, appliance, [...removed, ...leftovers])
  await finishChange(tree, appliance, pruning.publicUrl)
  const isGone = (version: string) => gone.some(each => each.version === version)
  return {
    removed: removed.filter(isGone), kept: [...kept, ...wanted.filter(version => !isGone(version))], leftovers: leftovers.filter(isGone), strange,
    freedBytes: gone.reduce((sum, { freedBytes }) => sum + freedBytes, 0),
  }
}

type LookingTree = ReadTree & Pick<Tree, 'now' | 'sign' | 'adoptUnsigned'>

/** What prune would do; nothing is written. */
export async function wouldPrune(tree: LookingTree, pruning: Omit<Pruning, 'publicUrl'>): Promise<Pruned> {
  const { wanted, kept } = await chooseDoomed(tree, pruning)
  const { leftovers, strange } = await findLeftovers(tree, pruning, wanted)
  return { removed: wanted, kept, leftovers, strange, freedBytes: await sizeOf(tree, pruning.appliance, [...wanted, ...leftovers]) }
}

async function chooseDoomed(tree: LookingTree, pruning: Omit<Pruning, 'publicUrl'>): Promise<{ readonly wanted: readonly string[]; readonly kept: readonly string[] }> {
  const { index, channels } = await readAppliance(tree, pruning.appliance)
  requireTrusted(tree, [...channels, index])
  const wanted = doomedOf(index?.document, channels.map(({ document }) => document), pruning)
  const kept = (index?.document.releases ?? []).map(({ version }) => version).filter(version => !wanted.includes(version))
  return { wanted, kept }
}

/** Versions that nobody needs; pure. */
export function doomedOf(index: IndexDocument | undefined, channels: readonly ChannelDocument[], { keep, keepStable }: Pick<Pruning, 'keep' | 'keepStable'>): string[] {
  const releases = index?.releases ?? []
  const stable = channels.filter(({ channel }) => channel === 'stable').flatMap(({ current, previous }) => [...(current ? [current] : []), ...previous]).map(({ version }) => version)
  const current = new Set(channels.flatMap(channel => channel.current?.version ?? []))
  const newest = new Set(releases.map(({ version }) => version).filter(version => !stable.includes(version)).slice(0, keep))
  const keptStable = new Set(keepStable === 'all' ? stable : stable.slice(0, keepStable))
  return releases.map(({ version }) => version).filter(version => !current.has(version) && !newest.has(version) && !keptStable.has(version))
}

/** Off the list first, then look at the pointers again: a promote does it the other way round, so one of both notices. */
async function unlist(tree: Tree, appliance: string, wanted: readonly string[]): Promise<string[]> {
  if (wanted.length === 0) return []
  const before = await readTrusted(tree, indexPlace(appliance))
  await changeIndex(tree, appliance, index => ({ ...index, releases: index.releases.filter(({ version }) => !wanted.includes(version)) }))
  const channels = await readChannels(tree, appliance)
  requireTrusted(tree, channels)
  const pointed = new Set(channels.flatMap(({ document }) => document.current?.version ?? []))
  const saved = (before?.document.releases ?? []).filter(({ version }) => wanted.includes(version) && pointed.has(version))
  if (saved.length > 0) await changeIndex(tree, appliance, index => ({ ...index, releases: putBack(index.releases, saved, before?.document.releases ?? []) }))
  return wanted.filter(version => !pointed.has(version))
}

/** Where they were before: what is last in the list goes first with the next prune. What was published again meanwhile is there already. Pure. */
export function putBack<Release extends Pick<ListedRelease, 'version'>>(releases: readonly Release[], saved: readonly Release[], before: readonly Release[]): readonly Release[] {
  const place = ({ version }: Release) => before.findIndex(each => each.version === version)
  return saved.reduce<readonly Release[]>((list, release) => {
    if (list.some(({ version }) => version === release.version)) return list
    const next = list.findIndex(each => place(each) > place(release))
    return next === -1 ? [...list, release] : [...list.slice(0, next), release, ...list.slice(next)]
  }, releases)
}

/** Out of the pointers' memory before anything is deleted: nothing that a pointer names is ever half there. */
async function forget(tree: Tree, appliance: string, removed: readonly string[]): Promise<void> {
  for (const { document } of await readChannels(tree, appliance)) {
    if (!document.previous.some(({ version }) => removed.includes(version))) continue
    await changeDocument(tree, channelPlace(appliance, document.channel), found => found && {
      ...found.document, ...renewed(tree, found.document), previous: found.document.previous.filter(({ version }) => !removed.includes(version)),
    })
  }
}

interface Deleted {
  readonly version: string
  readonly freedBytes: number
}

/** Those that are gone. One that a publisher works on stays, and so does one that was published again since it was taken off the list. */
async function deleteReleases(tree: Tree, appliance: string, versions: readonly string[]): Promise<readonly Deleted[]> {
  const gone: Deleted[] = []
  for (const version of versions) {
    const hold = await claimToPrune(tree, { appliance, version }).catch((error: unknown) => leaveClaimed(tree, version, error))
    if (!hold) continue
    const index = await readTrusted(tree, indexPlace(appliance))
    if (index?.document.releases.some(each => each.version === version)) tree.progress(`${version} was published again meanwhile; it stays`)
    else gone.push({ version, freedBytes: await deleteRelease({ ...tree, bucket: tree.bucket.holding(hold) }, appliance, version) })
    await dropClaim(tree, { appliance, version })
  }
  return gone
}

function leaveClaimed({ progress }: Tree, version: string, error: unknown): undefined {
  if (!(error instanceof PipelineError) || error.code !== 'version-claimed') throw error
  progress(`${version} stays: a publisher works on it`)
}

/** Index first: nobody sees a release that is half there. The claim is not among it: what is left of a killed prune is known by it. */
async function deleteRelease({ bucket, prefix, progress }: Tree, appliance: string, version: string): Promise<number> {
  const folder = `${prefix}${treeKeys.release(appliance, version)}`
  const objects = (await bucket.list(folder)).filter(({ key }) => !key.startsWith(`${folder}${claimName}`))
  progress(`deleting ${version}: ${objects.length} objects`)
  const isIndex = (key: string) => key === `${prefix}${treeKeys.releaseIndex(appliance, version)}`
  const keys = objects.map(({ key }) => key)
  for (const key of [...keys.filter(isIndex), ...keys.filter(each => !isIndex(each))]) await bucket.remove([key])
  return objects.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

const notReleases = ['channels', 'vagrant']

/** Of these every release has at least one at any time: publish begins with the claim, and prune ends with it. */
const releaseMarks = [claimName, indexName, manifestName, sumsName]

/**
 * Old folders that are not on the list; a publisher at work has a young one. Only prune takes releases off the list, so a
 * pointer's memory does not keep them. A list that is missing, or lacks what a channel points to, is no proof: then none.
 * Read after the folders: what was listed in between counts.
 */
async function findLeftovers(tree: LookingTree, { appliance, staleMs }: Pick<Pruning, 'appliance' | 'staleMs'>, wanted: readonly string[]): Promise<Pick<Pruned, 'leftovers' | 'strange'>> {
  const { bucket, prefix, now } = tree
  const folders = await bucket.folders(`${prefix}${appliance}/`)
  const [channels, index] = [await readChannels(tree, appliance), await readDocument(tree, indexPlace(appliance))]
  requireTrusted(tree, [...channels, index])
  const listed = new Set(index?.document.releases.map(({ version }) => version))
  const pointed = channels.flatMap(({ document }) => document.current?.version ?? [])
  if (!index || pointed.some(version => !listed.has(version))) return { leftovers: [], strange: [] }
  const unlisted = folders.filter(name => ![...notReleases, ...listed, ...wanted].includes(name))
  const found = await Promise.all(unlisted.map(async name => {
    const folder = `${prefix}${treeKeys.release(appliance, name)}`
    const objects = await bucket.list(folder)
    const isOurs = objects.some(({ key }) => releaseMarks.includes(key.slice(folder.length)))
    return objects.every(({ modifiedMs }) => now().getTime() - modifiedMs > staleMs) ? [{ name, isOurs }] : []
  }))
  const [leftovers, strange] = [true, false].map(ours => found.flat().filter(({ isOurs }) => isOurs === ours).map(({ name }) => name)) as [string[], string[]]
  return { leftovers, strange }
}

async function sizeOf({ bucket, prefix }: ReadTree, appliance: string, versions: readonly string[]): Promise<number> {
  const lists = await Promise.all(versions.map(version => bucket.list(`${prefix}${treeKeys.release(appliance, version)}`)))
  return lists.flat().reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
}

async function changeIndex(tree: Tree, appliance: string, change: (index: Omit<IndexDocument, 'serial' | 'date' | 'expires'>) => Omit<IndexDocument, 'serial' | 'date' | 'expires'>): Promise<void> {
  await changeDocument(tree, indexPlace(appliance), before => ({ ...change(before?.document ?? emptyIndex(appliance, appliance)), ...renewed(tree, before?.document) }))
}
