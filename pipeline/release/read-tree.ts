/** Reads a published tree over HTTP as a stranger does: every document is checked before anything of it is used. */
import { channelEmpty, downloadDigestWrong, isForbidden, notPublished, pathsUnsafe } from '../errors/fetch.js'
import { signatureMissing } from '../errors/signature.js'
import { createHash } from 'node:crypto'
import type { Run } from '../tools/command.js'
import { documentLimitBytes } from '../tools/document-limit.js'
import type { Http } from '../tools/http.js'
import type { TrustedKeys } from '../tools/signature.js'
import type { IndexDocument, ReleaseDocument, ReleaseReference, Sealed, SealedDocument } from './documents.js'
import { checkSignatures, parseSealed } from './seal.js'
import { requireNews } from './seen.js'
import { isSafePath, treeKeys, urlPath } from './tree.js'

export interface TreeReader {
  /** Ends in a slash. */
  readonly base: string
  readonly http: Http
  readonly run: Run
  readonly trusted: TrustedKeys
  readonly allowUnsigned: boolean
  /** File that keeps the serials. */
  readonly seenFile: string
  readonly now: () => Date
  readonly warn: (line: string) => void
}

export interface ReleaseChoice {
  readonly appliance: string
  readonly channel: string
  /** Absent: what the channel points to. */
  readonly version?: string
}

/**
 * The release's index, by the chain pointer -> index -> files. Errors: those of Http, `document-wrong`, `signature-wrong`,
 * `signature-missing`, `pointer-expired`, `serial-lower`, `paths-unsafe`, `download-digest-wrong` (exit 5),
 * `not-published`, `channel-empty` (exit 2).
 */
export async function readRelease(reader: TreeReader, choice: ReleaseChoice): Promise<ReleaseDocument> {
  const reference = await (choice.version === undefined ? referenceOfChannel(reader, choice) : referenceOfVersion(reader, choice, choice.version))
  const key = treeKeys.releaseIndex(choice.appliance, reference.version)
  const url = `${reader.base}${urlPath(key)}`
  const bytes = await documentOf(reader, url, choice.appliance, {
    kind: 'release', name: reference.version, namesOf: ({ releases }) => releases.map(({ version }) => version),
  })
  if (!bytes) throw notPublished('release', reference.version, [])
  const found = createHash('sha256').update(bytes).digest('hex')
  if (found !== reference.sha256) throw downloadDigestWrong(url, reference.sha256, found)
  const sealed = parseSealed(bytes.toString('utf8'), { kind: 'release', appliance: choice.appliance, key, what: url })
  await requireSigned(reader, sealed, url)
  const unsafe = sealed.signed.files.flatMap(file => [file.path, ...(file.chunkIndex === undefined ? [] : [file.chunkIndex])]).filter(path => !isSafePath(path))
  if (unsafe.length > 0) throw pathsUnsafe(url, unsafe)
  return sealed.signed
}

async function referenceOfChannel(reader: TreeReader, { appliance, channel }: ReleaseChoice): Promise<ReleaseReference> {
  const key = treeKeys.channel(appliance, channel)
  const url = `${reader.base}${urlPath(key)}`
  const bytes = await documentOf(reader, url, appliance, { kind: 'channel', name: channel, namesOf: ({ channels }) => channels })
  if (!bytes) throw notPublished('channel', channel, (await readIndex(reader, appliance)).channels)
  const sealed = parseSealed(bytes.toString('utf8'), { kind: 'channel', appliance, key, what: url })
  await requireSigned(reader, sealed, url)
  await requireNews(sealed.signed, { url, file: reader.seenFile, now: reader.now() })
  if (!sealed.signed.current) throw channelEmpty(url)
  return sealed.signed.current
}

async function referenceOfVersion(reader: TreeReader, { appliance }: ReleaseChoice, version: string): Promise<ReleaseReference> {
  const { releases } = await readIndex(reader, appliance)
  const found = releases.find(release => release.version === version)
  if (!found) throw notPublished('version', version, releases.map(release => release.version))
  if (found.retracted) reader.warn(`${version} was taken back on ${found.retracted.at.slice(0, 10)}: ${found.retracted.reason}`)
  return found
}

interface Named {
  readonly kind: string
  readonly name: string
  /** Those that an appliance's index has. */
  readonly namesOf: (index: IndexDocument) => readonly string[]
}

/**
 * AWS answers 403 for what is not there, too, to readers who may not list. So what is refused, and the appliance's index
 * can be read and does not name it, is not there. Errors: those of Http, `not-published` (exit 2).
 */
async function documentOf(reader: TreeReader, url: string, appliance: string, { kind, name, namesOf }: Named): Promise<Buffer | undefined> {
  try {
    return await reader.http.document(url, documentLimitBytes)
  } catch (refusal) {
    if (!isForbidden(refusal)) throw refusal
    const names = namesOf(await readIndex(reader, appliance).catch(error => { throw isForbidden(error) ? refusal : error }))
    throw names.includes(name) ? refusal : notPublished(kind, name, names)
  }
}

async function readIndex(reader: TreeReader, appliance: string) {
  const key = treeKeys.index(appliance)
  const url = `${reader.base}${urlPath(key)}`
  const bytes = await reader.http.document(url, documentLimitBytes)
  if (!bytes) throw notPublished('appliance', appliance, [])
  const sealed = parseSealed(bytes.toString('utf8'), { kind: 'index', appliance, key, what: url })
  await requireSigned(reader, sealed, url)
  await requireNews(sealed.signed, { url, file: reader.seenFile, now: reader.now() })
  return sealed.signed
}

/** With a key every signature that is there must fit it; without one, or without a signature, only --allow-unsigned goes on. */
async function requireSigned(reader: TreeReader, sealed: Sealed<SealedDocument>, url: string): Promise<void> {
  const { trusted, allowUnsigned, run } = reader
  const isSigned = sealed.signatures.length > 0
  if (trusted.ssh.length + trusted.openpgp.length > 0 && (await checkSignatures(sealed, { what: url, trusted, run }))) return
  if (!allowUnsigned) throw signatureMissing(url, 'ask the publisher for a signed one; --allow-unsigned takes it nevertheless')
  reader.warn(isSigned ? `the signature of ${url} was not checked: there is no key` : `${url} is not signed`)
}
