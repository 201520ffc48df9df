/**
 * Where everything lies in a published tree. Pure.
 *
 *     <prefix>/
 *       index.html                               the download page          (view)
 *       <appliance>/
 *         index.json                             every release, every channel's name   (sealed, changes)
 *         channels/<channel>.json                which release the channel means now   (sealed, changes, moved last)
 *         vagrant/<channel>.json                 Vagrant catalog            (view)
 *         <version>/
 *           index.json                           every file with size and digest       (sealed, never changes)
 *           SHA256SUMS, .sig, .asc               of the whole release, for people without Node
 *           manifest.json, sbom.cdx.json, provenance.json, verification.json, verification.md
 *           <target>/...                         artifacts
 *           <target>/SHA256SUMS, .sig, .asc      of this folder only
 *           <target>/<file>.chunks               chunk index, where a delta is offered
 *           .claim.json                          while a publisher uploads it (version-claim.ts)
 *
 * A release is visible once its index.json is there: it is written after everything it names. Sealed documents
 * carry their signature inside (seal.ts), so that one write changes both. A view is rendered from the sealed
 * documents after they changed; it says nothing that they do not say, and the next run repairs a stale one.
 */
import { createHash } from 'node:crypto'
import type { SealedDocument } from './documents.js'

export const indexName = 'index.json'
export const pageName = 'index.html'
export const vagrantFolder = 'vagrant'
export const channelFolder = 'channels'
export const sbomName = 'sbom.cdx.json'
export const provenanceName = 'provenance.json'

/** Suffixes of detached signatures: `ssh-keygen -Y sign`, OpenPGP. */
export const signatureSuffixes = { ssh: '.sig', openpgp: '.asc' } as const

/** Keys inside the tree, relative to its prefix; every folder ends in a slash. */
export const treeKeys = {
  page: pageName,
  index: (appliance: string) => `${appliance}/${indexName}`,
  channel: (appliance: string, channel: string) => `${appliance}/${channelFolder}/${channel}.json`,
  vagrant: (appliance: string, channel: string) => `${appliance}/${vagrantFolder}/${channel}.json`,
  release: (appliance: string, version: string) => `${appliance}/${version}/`,
  releaseIndex: (appliance: string, version: string) => `${appliance}/${version}/${indexName}`,
} as const

/** Where a document belongs by what it says of itself. */
export function keyOf(document: SealedDocument): string {
  const { kind, appliance } = document
  if (kind === 'index') return treeKeys.index(appliance)
  return kind === 'channel' ? treeKeys.channel(appliance, document.channel) : treeKeys.releaseIndex(appliance, document.version)
}

/** `prefix`, `/prefix/` and `prefix/` are one; the result is empty or ends in a slash. */
export function normalizePrefix(prefix: string): string {
  const inner = prefix.replace(/^\/+|\/+$/g, '')
  return inner === '' ? '' : `${inner}/`
}

/** A key as the path of a URL: `+` must be written %2B, or S3 reads a space. */
export function urlPath(key: string): string {
  return key.split('/').map(encodeURIComponent).join('/')
}

/** Whether a path from a document may be joined to a folder: relative, no `..`, nothing a file system reads otherwise. */
export function isSafePath(path: string): boolean {
  if (path === '' || path.length > 1024 || /[\\\u0000-\u001f\u007f]/.test(path)) return false
  return path.split('/').every(part => part !== '' && part !== '.' && part !== '..')
}

/** Names of appliances, versions, channels and targets: one path segment, no surprises in shells and URLs. */
export function isSafeName(name: string): boolean {
  return name.length <= 128 && /^[0-9A-Za-z][0-9A-Za-z.+~_-]*$/.test(name)
}

/** Lower-case hex. */
export function sha256Text(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}
