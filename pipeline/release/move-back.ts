/** Moves channels back from a release that was taken back, or taken off the list. */
import { releaseRetracted, releaseUnlisted } from '../errors/publish.js'
import { movedBack } from './channels.js'
import type { ChannelDocument, ListedRelease, Retracted } from './documents.js'
import { finishChange } from './finish-change.js'
import { changeDocument, channelPlace, indexPlace, readChannels, readTrusted } from './published-tree.js'
import type { Read, Tree } from './published-tree.js'

interface Pointer {
  readonly appliance: string
  readonly channel: string
  /** What it points to, and must not. */
  readonly version: string
}

/** Each to the newest release before it that is fit for a channel; to nothing where there is none. Errors: those of changeDocument. */
export async function movePointersBack(tree: Tree, appliance: string, version: string): Promise<void> {
  const [channels, releases] = await Promise.all([readChannels(tree, appliance), listedReleases(tree, appliance)])
  const pointing = channels.filter(({ document }) => document.current?.version === version)
  for (const { document: { channel } } of pointing) await movePointerBack(tree, { appliance, channel, version }, releases)
}

/**
 * After a move. A retract or prune that has looked at the pointers before it did not see it, but has written the list by now; one
 * that writes the list later looks at the pointers then, and sees it. So one of both notices; here, the channel goes back.
 * Errors: `release-retracted`, `release-unlisted` (exit 6), those of changeDocument.
 */
export async function requireStillFit(tree: Tree, { publicUrl, ...pointer }: Pointer & { readonly publicUrl: string }): Promise<void> {
  const { appliance, channel, version } = pointer
  const releases = await listedReleases(tree, appliance)
  const release = releases.find(each => each.version === version)
  if (release && !release.retracted) return
  await movePointerBack(tree, pointer, releases)
  // The other may have shown people the channel as it was in between.
  await finishChange(tree, appliance, publicUrl)
  throw release?.retracted ? releaseRetracted(version, release.retracted.at, release.retracted.reason) : releaseUnlisted(version, channel)
}

/**
 * For a command that would move the channel to a release that was taken back. One that was killed between its move and its look
 * at the list has left the channel there. Errors: `release-retracted` (exit 6), those of requireStillFit.
 */
export async function refuseRetracted(
  tree: Tree, moving: Pointer & { readonly publicUrl: string }, { seen, retracted }: { readonly seen: Pick<Read<ChannelDocument>, 'document'> | undefined; readonly retracted: Retracted }
): Promise<void> {
  if (seen?.document.current?.version === moving.version) await requireStillFit(tree, moving)
  throw releaseRetracted(moving.version, retracted.at, retracted.reason)
}

async function listedReleases(tree: Tree, appliance: string): Promise<readonly ListedRelease[]> {
  return (await readTrusted(tree, indexPlace(appliance)))?.document.releases ?? []
}

/** Who has moved it on in the meantime stays the winner. */
async function movePointerBack(tree: Tree, { appliance, channel, version }: Pointer, releases: readonly ListedRelease[]): Promise<void> {
  await changeDocument(tree, channelPlace(appliance, channel), before => {
    if (before?.document.current?.version !== version) return undefined
    tellUnsigned(tree, before.document, releases)
    return movedBack(tree, before.document, unfitOf(tree, before.document, releases))
  })
}

/**
 * What a pointer remembers and must not go back to: what was taken back, what is not listed (a killed prune may have left it
 * in a pointer's memory), and in a signed tree what is not signed, for readers with a key refuse it.
 */
function unfitOf({ sign }: Tree, { previous }: ChannelDocument, releases: readonly ListedRelease[]): ReadonlySet<string> {
  const fit = new Set(releases.filter(({ retracted, signed }) => !retracted && (signed || !sign)).map(({ version }) => version))
  return new Set(previous.map(({ version }) => version).filter(version => !fit.has(version)))
}

function tellUnsigned({ sign, progress }: Tree, { channel, previous }: ChannelDocument, releases: readonly ListedRelease[]): void {
  const unsigned = new Set(releases.filter(({ retracted, signed }) => !retracted && !signed).map(({ version }) => version))
  const passed = previous.map(({ version }) => version).filter(version => unsigned.has(version))
  if (sign && passed.length > 0) progress(`${channel} does not go back to ${passed.join(', ')}: not signed, and its pointer is`)
}
