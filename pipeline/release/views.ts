/** Views of a published tree for readers that know nothing of it: the download page and Vagrant's catalog. */
import { exitCodes } from '../errors/exit-codes.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { boxVersion, catalogBoxName, providerOfBox } from '../targets/target-boxes.js'
import { epochOf } from '../stages/release-folder.js'
import { textBody } from '../tools/body.js'
import { createGate } from '../tools/gate.js'
import type { IndexDocument, ReleaseDocument } from './documents.js'
import { changingHeaders } from './object-headers.js'
import { downloadPage } from './page.js'
import type { PageAppliance } from './page.js'
import { indexPlace, readAtOnce, readChannels, readDocument, releasePlace } from './published-tree.js'
import type { Read, Tree } from './published-tree.js'
import { isSafeName, sha256Text, treeKeys, urlPath } from './tree.js'

const viewTries = 4

/**
 * Renders all views anew. After a write, what was read is read again: of two publishers at once, the one that is later
 * sees what the other has changed and renders again. `fallbackUrl` is where the tree is when its index does not say it.
 * Returns the address of the tree that is in the catalogs. Errors: those of Bucket and readDocument.
 */
export async function writeViews(tree: Tree, appliance: string, fallbackUrl: string): Promise<string> {
  let publicUrl = fallbackUrl
  for (let tries = 0; tries < viewTries; tries += 1) {
    const shown = await readAllShown(tree, appliance)
    publicUrl = shown.find(({ index }) => index.appliance === appliance)?.index.publicUrl ?? fallbackUrl
    const written = await Promise.all(Object.entries(viewsOf(shown, appliance, publicUrl)).map(([key, text]) => putView(tree, key, text)))
    if (!written.includes(true) || JSON.stringify(await readAllShown(tree, appliance)) === JSON.stringify(shown)) break
  }
  return publicUrl
}

/** Key -> text, null: nothing must lie there; the page of all appliances, and the catalogs of one. Pure. */
export function viewsOf(shown: readonly PageAppliance[], appliance: string, publicUrl: string): Readonly<Record<string, string | null>> {
  const own = shown.find(({ index }) => index.appliance === appliance)
  const catalogs = (own?.channels ?? []).map(({ channel, current }) => {
    const release = own?.releases.find(({ version }) => version === current?.version)
    const catalog = release && vagrantCatalog(release, publicUrl)
    // An old catalog would go on offering what was taken back.
    return [treeKeys.vagrant(appliance, channel), catalog ? `${JSON.stringify(catalog, null, 2)}\n` : null] as const
  })
  return { ...Object.fromEntries(catalogs), [treeKeys.page]: downloadPage(shown, publicUrl) }
}

/** Views that a publish of this release to a channel writes. Pure. */
export function viewKeys(release: ReleaseDocument, channel: string): readonly string[] {
  return [...(vagrantCatalog(release, '') ? [treeKeys.vagrant(release.appliance, channel)] : []), treeKeys.page]
}

/** False: it is as it should be already. */
async function putView({ bucket, prefix }: Tree, key: string, text: string | null): Promise<boolean> {
  const found = await bucket.head(`${prefix}${key}`)
  if (text === null) {
    if (found) await bucket.remove([`${prefix}${key}`])
    return found !== undefined
  }
  if (found?.sha256 === sha256Text(text)) return false
  await bucket.put(`${prefix}${key}`, textBody(text), { ...changingHeaders(key), sha256: sha256Text(text) })
  return true
}

type Readable = Pick<Tree, 'bucket' | 'prefix' | 'trusted' | 'run' | 'progress' | 'sign'>

/** @param own the appliance that is changed: what the command was about is not left out in silence */
async function readAllShown(tree: Readable, own: string): Promise<readonly PageAppliance[]> {
  const names = await listAppliances(tree)
  const shown = await Promise.all(names.map(appliance => {
    const skip: Skip = (what, error) => {
      if (appliance === own) throw error
      return leaveOut(tree, what, error)
    }
    return readShown(tree, appliance, skip).catch(error => skip(appliance, error))
  }))
  return shown.flatMap(each => each ?? [])
}

/** For what cannot be read. */
type Skip = (what: string, error: unknown) => undefined

/** Another appliance's documents may be signed by another publisher: the page says nothing that was not checked. */
function leaveOut({ progress }: Readable, what: string, error: unknown): undefined {
  if (!(error instanceof PipelineError) || error.exitCode !== exitCodes.verification) throw error
  progress(`the page leaves out ${what}: ${error.message}`)
}

/** Folders of the tree that hold an index. */
export async function listAppliances({ bucket, prefix }: Pick<Tree, 'bucket' | 'prefix'>): Promise<readonly string[]> {
  const names = (await bucket.folders(prefix)).filter(isSafeName)
  const found = await Promise.all(names.map(name => bucket.head(`${prefix}${treeKeys.index(name)}`)))
  return names.filter((_, at) => found[at] !== undefined)
}

async function readShown(tree: Readable, appliance: string, skip: Skip): Promise<PageAppliance | undefined> {
  const index = await readDocument(tree, indexPlace(appliance))
  if (!index) return undefined
  if (tree.sign && !index.signed) return leaveOutUnsigned(tree, appliance)
  const channels = (await readChannels(tree, appliance)).flatMap(({ document, signed }) =>
    signed || !index.signed ? [document] : leaveOutUnsigned(tree, `the channel ${document.channel} of ${appliance}`) ?? [])
  const versions = [...new Set(channels.flatMap(({ current }) => current?.version ?? []))]
  const releases = await readReleases(tree, index, { versions, skip })
  const older = await readReleases(tree, index, { versions: olderOf(index.document, versions), skip: (what, error) => leaveOut(tree, what, error) })
  // What an unsigned list says of signatures counts for nothing.
  const listed = index.signed ? index.document : { ...index.document, releases: index.document.releases.map(each => ({ ...each, signed: false })) }
  return { index: listed, channels, releases: [...releases, ...older] }
}

/** Anybody who may add objects to the bucket writes an unsigned document, and claims in it what he likes. */
function leaveOutUnsigned({ progress }: Readable, what: string): undefined {
  progress(`the page leaves out ${what}: it is not signed, and the tree is`)
}

/** So many of the newest have links to their files on the page; the others to their sums. */
const linkedOlder = 20

/** What was taken back is offered no more. */
function olderOf({ releases }: IndexDocument, shown: readonly string[]): readonly string[] {
  return releases.filter(({ version, retracted }) => !shown.includes(version) && !retracted).slice(0, linkedOlder).map(({ version }) => version)
}

/** One that this publisher cannot check is listed without its files. What a signed list names by its digest is as good as signed. */
async function readReleases(
  tree: Readable, { document: { appliance, releases }, signed: isSigned }: Read<IndexDocument>, { versions, skip }: { readonly versions: readonly string[]; readonly skip: Skip }
): Promise<readonly ReleaseDocument[]> {
  const gate = createGate(readAtOnce)
  const read = await Promise.all(versions.map(version => gate(async () => {
    const what = `the files of ${appliance} ${version}`
    const found = await readDocument(tree, releasePlace(appliance, version)).catch(error => skip(what, error))
    if (!found) return undefined
    if (found.signed) return found.document
    const isNamed = releases.some(each => each.version === version && each.sha256 === found.sha256)
    return isSigned && !isNamed ? leaveOutUnsigned(tree, what) : { ...found.document, signatures: [] }
  })))
  return read.flatMap(document => document ?? [])
}

/**
 * https://developer.hashicorp.com/vagrant/docs/boxes/format#box-metadata: one version, what the channel means now; the
 * catalog names only what a reader of the channel may have, and only boxes whose name tells a provider: Vagrant finds no
 * other. Undefined without boxes.
 */
export function vagrantCatalog(release: ReleaseDocument, publicUrl: string): object | undefined {
  const folder = treeKeys.release(release.appliance, release.version)
  const providers = release.files.flatMap(({ path, sha256 }) => {
    const name = providerOfBox(path)
    if (name === undefined) return []
    const url = `${publicUrl}${urlPath(`${folder}${path}`)}`
    return [{ name, url, checksum_type: 'sha256', checksum: sha256, architecture: release.architecture, default_architecture: true }]
  })
  if (providers.length === 0) return undefined
  const version = boxVersion({ version: release.version, sourceDateEpoch: epochOf(release) })
  return { name: catalogBoxName(release.appliance), description: release.title, versions: [{ version, status: 'active', providers }] }
}
