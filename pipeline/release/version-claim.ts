/**
 * One publisher at a time works on a version, published already or not, and no prune deletes it meanwhile. A claim in the
 * version's folder names the release by the digest of its document: whoever publishes the same files (the same command again,
 * on any machine) goes on at once; whoever has other files, or deletes, is told before anything is changed, and takes over
 * only what nobody renews any more.
 */
import { randomBytes } from 'node:crypto'
import { treeBusy, versionClaimed, versionPruned, versionTaken } from '../errors/publish.js'
import { sumsName } from '../stages/release-folder.js'
import { textBody } from '../tools/body.js'
import { delayMs, pause } from '../tools/retry.js'
import type { PublishedFile, ReleaseDocument } from './documents.js'
import { changingHeaders } from './object-headers.js'
import { readDocument, releasePlace } from './published-tree.js'
import type { Tree } from './published-tree.js'
import { canonicalText } from './seal.js'
import { sha256Text, treeKeys } from './tree.js'

/** No file of a release begins with a dot (inspect.ts). */
export const claimName = '.claim.json'

/** In the place of a digest: prunes of one version want the same. */
const pruneId = 'prune'

/** Nobody renews a claim of this age: its publisher was killed, or has been cut off for longer than one try of a request takes. */
const claimLifeMs = 15 * 60_000
/** Each try of a write is begun under a claim not older than this, whatever --patience says; the rest of its life is for that try. */
const renewMs = 3 * 60_000
const claimTries = 12

/** Before every try of a write to the folder (Bucket.holding): renews the claim when it is time, and stops who has lost it. Errors: those of `takeClaim`. */
export type Hold = () => Promise<void>

export interface VersionClaim {
  /** What the version is: this release, or the one with the same artifacts that is published already and stays as it is. */
  readonly document: ReleaseDocument
  readonly hold: Hold
}

/** Claims the version, also one that is published with these artifacts: a prune may be about to delete it. Errors: those of `takeClaim`. */
export async function claimVersion(tree: Tree, own: ReleaseDocument): Promise<VersionClaim> {
  const there = await publishedAs(tree, own)
  const document = there ?? own
  const id = sha256Text(canonicalText(document))
  // The one before lists the release and drops its claim then: whoever comes between sees its index now.
  const hold = await takeClaim(tree, { ...document, id, afterwards: async () => void await isPublished(tree, document) })
  if (!there || (await isPublished(tree, there))) return { document, hold }
  // A prune was faster: it is this publisher's to make anew.
  await dropClaim(tree, document)
  return await claimVersion(tree, own)
}

/** For whoever deletes the version. Errors: those of `takeClaim`. */
export async function claimToPrune(tree: Tree, version: Version): Promise<Hold> {
  return await takeClaim(tree, { ...version, id: pruneId, afterwards: async () => {} })
}

interface Version {
  readonly appliance: string
  readonly version: string
}

interface Claimant extends Version {
  readonly id: string
  /** With every claim that was won; an error gives it back. */
  readonly afterwards: () => Promise<void>
}

/** Errors: `version-claimed`, `version-pruned`, `version-taken`, `tree-busy` (exit 6), those of Bucket. */
async function takeClaim(tree: Tree, claimant: Claimant): Promise<Hold> {
  let heldAt = Date.now()
  let renewing: Promise<void> | undefined
  const renew = async () => {
    const started = Date.now()
    await take(tree, claimant)
    heldAt = started
  }
  await renew()
  return async () => {
    if (Date.now() - heldAt < renewMs) return
    renewing ??= renew().finally(() => { renewing = undefined })
    await renewing
  }
}

/** Once the release is listed, its index is what keeps others away: also notes that a killed publisher has left go. */
export async function dropClaim({ bucket, prefix }: Tree, { appliance, version }: Version): Promise<void> {
  const left = await bucket.list(`${prefix}${claimKey({ appliance, version })}`)
  await bucket.remove(left.map(({ key }) => key))
}

/**
 * The same artifacts make the same version, whatever describes them: a report of another verification, a signature with
 * another time in it. Readers have what was published first. Errors: `version-taken` (exit 6).
 */
async function publishedAs(tree: Tree, document: ReleaseDocument): Promise<ReleaseDocument | undefined> {
  const there = await readDocument(tree, releasePlace(document.appliance, document.version))
  const isSame = there && there.signed === (tree.sign !== undefined) && hasSameArtifacts(there.document, document)
  if (!isSame || (document.verified && !there.document.verified)) return (await isPublished(tree, document)) ? document : undefined
  if (canonicalText(there.document) !== canonicalText(document)) {
    tree.progress(`${document.version} is published already with the same artifacts: what describes them stays as it was published`)
  }
  return there.document
}

function hasSameArtifacts(there: ReleaseDocument, here: ReleaseDocument): boolean {
  const [published, own] = [there, here].map(({ files }) => JSON.stringify(files.filter(isArtifact).map(({ path, sha256 }) => [path, sha256])))
  return published === own
}

function isArtifact({ path, target }: PublishedFile): boolean {
  return target !== undefined && !path.includes(sumsName)
}

/** Errors: `version-taken` (exit 6): published with other files. */
export async function isPublished(tree: Tree, document: ReleaseDocument): Promise<boolean> {
  const place = releasePlace(document.appliance, document.version)
  const there = await readDocument(tree, place)
  if (there && canonicalText(there.document) !== canonicalText(document)) throw versionTaken(place.key, differences(there.document, document))
  return there !== undefined
}

async function take(tree: Tree, claimant: Claimant): Promise<void> {
  const key = claimKey(claimant)
  for (let attempt = 0; attempt < claimTries; attempt += 1) {
    const found = await tree.bucket.get(`${tree.prefix}${key}`)
    if (found) await requireOwnOrDead(tree, key, { text: found.text, id: claimant.id })
    const { won } = await tree.writer.write(`${tree.prefix}${key}`, claimText(tree, claimant), found ?? null, changingHeaders(key))
    if (won) {
      await claimant.afterwards().catch(async (error: unknown) => {
        await dropClaim(tree, claimant)
        throw error
      })
      return
    }
    await pause(delayMs(Math.min(attempt, 4)), tree.signal)
  }
  throw treeBusy(key)
}

/** Two renewals never look alike: to take over one that was renewed meanwhile fails. */
function claimText(tree: Tree, { id: release }: Claimant): string {
  return `${JSON.stringify({ release, at: tree.now().toISOString(), nonce: randomBytes(8).toString('hex') })}\n`
}

async function requireOwnOrDead(tree: Tree, key: string, { text, id }: { readonly text: string; readonly id: string }): Promise<void> {
  const names = (release: string) => text.includes(JSON.stringify({ release }).slice(1, -1))
  if (names(id)) return
  const [written, now] = [await tree.bucket.head(`${tree.prefix}${key}`), await serverTimeMs(tree, key)]
  if (!written) return
  const leftMs = claimLifeMs - (now - written.modifiedMs)
  const minutes = Math.ceil(leftMs / 60_000)
  if (leftMs > 0) throw names(pruneId) ? versionPruned(key, minutes) : versionClaimed(key, minutes)
  tree.progress(`${key} was left by ${names(pruneId) ? 'a prune' : 'a publisher with other files'} that is gone; taking the version over`)
}

/** The server's clock dates the claims, so it must tell their age, too. */
async function serverTimeMs({ bucket, prefix }: Tree, key: string): Promise<number> {
  const note = `${prefix}${key}.time-${randomBytes(8).toString('hex')}`
  const body = textBody('time')
  await bucket.put(note, body, { ...changingHeaders(key), sha256: body.sha256 })
  try {
    return (await bucket.head(note))?.modifiedMs ?? 0
  } finally {
    await bucket.remove([note])
  }
}

function claimKey({ appliance, version }: Version): string {
  return `${treeKeys.release(appliance, version)}${claimName}`
}

function differences(there: ReleaseDocument, here: ReleaseDocument): string[] {
  const [old, now] = [there, here].map(({ files }) => new Map(files.map(file => [file.path, file.sha256])))
  const paths = [...new Set([...(old?.keys() ?? []), ...(now?.keys() ?? [])])].sort()
  const changed = paths.flatMap(path => {
    const [before, after] = [old?.get(path), now?.get(path)]
    if (before === after) return []
    return [`${path}: ${before === undefined ? 'is new' : after === undefined ? 'is not here' : 'is another file'}`]
  })
  return changed.length > 0 ? changed.slice(0, 20) : ['what its index says of them']
}
