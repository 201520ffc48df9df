/**
 * Notices a tree, or a part of it, that was put back to an older state, however well it is signed. Index and pointers name each
 * other's serials as they were when they were written: what lies beside them with a lower one is older than they are. The
 * serials are written down after what they are of, so a publisher that was killed between leaves them too low, never too high.
 */
import { treeExpired, treePutBack } from '../errors/publish.js'
import type { ChannelDocument, IndexDocument, SealedDocument } from './documents.js'
import { channelNames, channelPlace, indexPlace, readChannels, readDocument, readPresent } from './published-tree.js'
import type { Place, Read, ReadTree, Tree } from './published-tree.js'
import type { Serials } from './seen.js'
import { treeKeys } from './tree.js'

export interface ApplianceTree {
  readonly index?: Read<IndexDocument>
  readonly channels: readonly Read<ChannelDocument>[]
}

/**
 * What a command that changes the tree begins with. Pointers are read before the index that they name and after the index
 * that names them: who writes in between makes nothing look old. Errors: those of readDocument, `tree-expired` (exit 5).
 */
export async function readAppliance(tree: ReadTree & Pick<Tree, 'now'>, appliance: string): Promise<ApplianceTree> {
  await requireCurrent(tree, indexPlace(appliance))
  await readChannels(tree, appliance)
  const index = await readDocument(tree, indexPlace(appliance))
  const names = new Set([...(await channelNames(tree, appliance)), ...Object.keys(index?.document.channelSerials ?? {})])
  const channels = await readPresent(tree, [...names].sort().map(name => channelPlace(appliance, name)))
  return { ...(index ? { index } : {}), channels }
}

/**
 * A whole tree that was put back agrees with itself; its expiry is all that tells who has not seen more. Sealed anew, readers
 * would take it again. Every command seals the index, so it expires last. It is not noted here: a second try fails, too.
 */
async function requireCurrent({ serials, ...tree }: ReadTree & Pick<Tree, 'now'>, place: Place<'index'>): Promise<void> {
  if (tree.acceptOlder || !serials || serials.highest(place.key) > 0) return
  const index = await readDocument(tree, place)
  if (index?.signed && Date.parse(index.document.expires) <= tree.now().getTime()) throw treeExpired(place.key, index.document.expires)
}

/** Errors: `tree-put-back` (exit 5). @param known highest serial before the document was asked for */
export function requireNotOlder(tree: Pick<ReadTree, 'acceptOlder'>, key: string, { found, known }: { readonly found: SealedDocument | undefined; readonly known: number }): void {
  if (tree.acceptOlder || known === 0) return
  const serial = found && 'serial' in found ? found.serial : 0
  if (serial < known) throw treePutBack(key, serial, known)
}

/** Notes the document's own serial, and those that it names. */
export async function noteSerials(serials: Serials, key: string, document: SealedDocument): Promise<void> {
  if (document.kind === 'release') return
  const { serial, date } = document
  for (const [each, known] of [[key, serial], ...namedBy(document)] as const) await serials.note(each, { serial: known, date })
}

/** Keys of the documents beside it, and their serials. */
function namedBy(document: ChannelDocument | IndexDocument): readonly (readonly [key: string, serial: number])[] {
  const { appliance } = document
  if (document.kind === 'channel') return document.indexSerial === undefined ? [] : [[treeKeys.index(appliance), document.indexSerial]]
  return Object.entries(document.channelSerials ?? {}).map(([channel, serial]) => [treeKeys.channel(appliance, channel), serial])
}

/** The document as it is written: with a serial above all that are known of it, and with those of the others. */
export function withSerials<Document extends SealedDocument>(serials: Serials, key: string, document: Document): Document {
  if (document.kind === 'release') return document
  const serial = Math.max(document.serial, serials.highest(key) + 1)
  if (document.kind === 'index') return { ...document, serial, channelSerials: channelSerials(serials, document) }
  const indexSerial = serials.highest(treeKeys.index(document.appliance))
  return { ...document, serial, ...(indexSerial > 0 ? { indexSerial } : {}) }
}

/** Whether pointers have moved since the index was written. */
export function isBehind(serials: Serials, index: IndexDocument): boolean {
  return Object.entries(channelSerials(serials, index)).some(([channel, serial]) => serial > (index.channelSerials?.[channel] ?? 0))
}

function channelSerials(serials: Serials, { appliance, channels }: IndexDocument): Readonly<Record<string, number>> {
  const known = channels.map(channel => [channel, serials.highest(treeKeys.channel(appliance, channel))] as const)
  return Object.fromEntries(known.filter(([, serial]) => serial > 0))
}
