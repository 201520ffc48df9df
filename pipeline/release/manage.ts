/** What is done to a published tree after publishing: list, promote, retract. Old releases are deleted by prune.ts. */
import { channelEmpty, channelUnknown, promoteUnsigned } from '../errors/publish.js'
import { moveChannel } from './channels.js'
import type { ChannelDocument, ListedRelease } from './documents.js'
import { finishChange } from './finish-change.js'
import { movePointersBack, refuseRetracted, requireStillFit } from './move-back.js'
import { changeIndex, indexPlace, readChannels, readDocument, requireTrusted } from './published-tree.js'
import type { Read, Tree } from './published-tree.js'
import { readAppliance } from './put-back.js'

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
