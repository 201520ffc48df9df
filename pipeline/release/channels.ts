/** Channels: pointers that move last, by a conditional write, and can be moved back. */
import { channelMoved, stableNeedsVerified, treeBusy } from '../errors/publish.js'
import { delayMs, pause } from '../tools/retry.js'
import type { ChannelDocument, ReleaseReference } from './documents.js'
import { channelPlace, readDocument, renewed, writeDocument } from './published-tree.js'
import type { Read, Tree } from './published-tree.js'

export const stableChannel = 'stable'

/** Old enough that nobody goes back there; the index keeps every release. */
const rememberedReleases = 100

const moveTries = 12

export interface Move {
  readonly appliance: string
  readonly channel: string
  readonly to: ReleaseReference
  readonly verified: boolean
  /** The pointer as it was when this command began. */
  readonly seen: Read<ChannelDocument> | undefined
}

/**
 * Points the channel to a release, and says so at once: what comes after it may fail, and readers have the release by then.
 * Another publisher that moved it since `seen` stays the winner. Returns false when it points there already.
 * Errors: `stable-needs-verified`, `channel-moved`, `tree-busy` (exit 6).
 */
export async function moveChannel(tree: Tree, move: Move): Promise<boolean> {
  const { appliance, channel, to } = move
  if (channel === stableChannel && !move.verified) throw stableNeedsVerified(to.version)
  const place = channelPlace(appliance, channel)
  let before = move.seen
  for (let attempt = 0; attempt < moveTries; attempt += 1) {
    const isThere = isSame(before?.document.current, to) && before?.signed === (tree.sign !== undefined)
    if (isThere || (await writeDocument(tree, place.key, pointTo(tree, move, before?.document), before ?? null))) {
      tree.progress(`readers of ${channel} get ${to.version}`)
      return !isThere
    }
    await pause(delayMs(Math.min(attempt, 4)), tree.signal)
    const now = await readDocument(tree, place)
    // Sealed again for a new date, it points where it did: nobody else's move is lost by ours.
    if (!isSame(now?.document.current, move.seen?.document.current) && !isSame(now?.document.current, to)) {
      throw channelMoved(channel, now?.document.current?.version ?? 'nothing')
    }
    before = now
  }
  throw treeBusy(place.key)
}

function pointTo(tree: Tree, { appliance, channel, to }: Move, before: ChannelDocument | undefined): ChannelDocument {
  return {
    formatVersion: 1, kind: 'channel', appliance, channel, ...renewed(tree, before), current: to,
    previous: before ? history(before, to.version) : [],
  }
}

/** What the channel pointed to, newest first, without the version it points to now. */
function history({ current, previous }: ChannelDocument, without: string): ReleaseReference[] {
  const all = [...(current ? [current] : []), ...previous]
  return all.filter(({ version }, at) => version !== without && all.findIndex(other => other.version === version) === at).slice(0, rememberedReleases)
}

/** Back to the newest release before it that is fit for a channel; to nothing where there is none. */
export function movedBack(tree: Tree, before: ChannelDocument, unfit: ReadonlySet<string>): ChannelDocument {
  const [current, ...previous] = before.previous.filter(({ version }) => !unfit.has(version))
  const { current: _left, ...rest } = before
  return { ...rest, ...renewed(tree, before), ...(current ? { current } : {}), previous }
}

function isSame(a: ReleaseReference | undefined, b: ReleaseReference | undefined): boolean {
  return a?.version === b?.version && a?.sha256 === b?.sha256
}
