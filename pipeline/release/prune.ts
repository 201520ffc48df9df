/** Deletes old releases from a published tree. */
import { PipelineError } from '../errors/pipeline-error.js'
import { manifestName, sumsName } from '../stages/release-folder.js'
import type { ChannelDocument, IndexDocument, ListedRelease } from './documents.js'
import { finishChange } from './finish-change.js'
import { changeDocument, changeIndex, channelPlace, indexPlace, readChannels, readDocument, readTrusted, renewed, requireTrusted } from './published-tree.js'
import type { ReadTree, Tree } from './published-tree.js'
import { readAppliance } from './put-back.js'
import { indexName, treeKeys } from './tree.js'
import { claimName, claimToPrune, dropClaim } from './version-claim.js'

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
