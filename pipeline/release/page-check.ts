/** The part of the download page that says how a download is checked with nothing but stock programs. */
import { quote } from '../run/shell-lines.js'
import { sumsName } from '../stages/release-folder.js'
import { sshIdentity, sshNamespace } from '../tools/signature.js'
import type { ReleaseDocument } from './documents.js'
import { html } from './html.js'
import type { Html } from './html.js'
import { inPageOrder } from './page-hypervisors.js'
import { signatureSuffixes, treeKeys, urlPath } from './tree.js'

/** Where people find the tree. */
export interface TreeAddress {
  /** Ends in a slash. */
  readonly url: string
  /** False: no command was told an address, and this is the bucket's. */
  readonly told: boolean
}

/** What the OpenPGP key is called that a reader has got from the publisher. */
const openpgpKey = 'release.asc'

/** The key is looked at before it is imported: gpg itself trusts whatever is in its ring. README.md shows the same. */
export const openpgpLines: readonly string[] = [
  `gpg --show-keys --with-fingerprint ${openpgpKey}`,
  `gpg --import ${openpgpKey}`,
  `gpg --verify ${sumsName}${signatureSuffixes.openpgp} ${sumsName}`,
]

interface CheckedTarget {
  readonly name: string
  readonly mainFile: string
}

/** The lines for a shell; README.md shows the same, and a test runs them. @param url of the tree, ending in a slash */
export function checkLines(release: ReleaseDocument, target: CheckedTarget, url: string): readonly string[] {
  const folder = url + urlPath(treeKeys.release(release.appliance, release.version))
  const name = nameInSums(target)
  const sums = (suffix = '') => `${sumsName}${suffix} ${quoteUrl(`${folder}${urlPath(target.name)}/${sumsName}${suffix}`)}`
  const ssh = release.signatures.includes('ssh')
  const openpgp = release.signatures.includes('openpgp')
  return [
    // Not -O: it keeps the %2B of an address, and the sums name a file with a +.
    `curl -fL -C - ${name.includes('/') ? '--create-dirs ' : ''}-o ${quote(name)} ${quoteUrl(folder + urlPath(target.mainFile))}`,
    `curl -fL -o ${sums()}${ssh ? ` -o ${sums(signatureSuffixes.ssh)}` : ''}${openpgp ? ` -o ${sums(signatureSuffixes.openpgp)}` : ''}`,
    ...(ssh ? [`ssh-keygen -Y verify -f allowed_signers -I ${sshIdentity} -n ${sshNamespace} -s SHA256SUMS.sig < SHA256SUMS`] : []),
    ...(openpgp ? openpgpLines : []),
    'sha256sum -c --ignore-missing SHA256SUMS',
  ]
}

/** As the target's SHA256SUMS names it. */
function nameInSums({ name, mainFile }: CheckedTarget): string {
  return mainFile.startsWith(`${name}/`) ? mainFile.slice(name.length + 1) : mainFile
}

/** Always in quotes: scripts put the page's own address there, and what that holds is not known here. */
function quoteUrl(url: string): string {
  return `'${withoutQuotes(url)}'`
}

function withoutQuotes(url: string): string {
  return url.replaceAll("'", '%27')
}

export function checkPanel(release: ReleaseDocument, { url, told }: TreeAddress): Html {
  const target = inPageOrder(release.targets).find(({ name }) => name === 'kvm') ?? inPageOrder(release.targets)[0]
  if (!target) return html``
  return html`<details class="panel">
<summary>Download and check in a terminal</summary>
<p>The first line goes on where it was broken off when it is typed again.</p>
<div class="line"><pre tabindex="0" data-address="${withoutQuotes(url)}">${checkLines(release, target, url).join('\n')}</pre></div>
${told ? undefined : addressNote(url)}
${keyNote(release)}
<p>On Windows, in PowerShell, to be compared with the SHA-256 above:</p>
<div class="line"><pre tabindex="0">(Get-FileHash -LiteralPath '${nameInSums(target).replaceAll("'", "''")}').Hash.ToLower()</pre></div>
</details>`
}

/** With scripts the lines name the page's own address. */
function addressNote(url: string): Html {
  return html`<noscript><p>If you see this page at another address than <code>${url}</code>, put that one into the lines in its place.</p></noscript>`
}

function keyNote({ signatures }: ReleaseDocument): Html | undefined {
  if (signatures.length === 0) return undefined
  const ssh = html`<code>allowed_signers</code> is in <code>keys/</code> of the publisher's repository`
  const openpgp = html`<code>${openpgpKey}</code> is the publisher's OpenPGP key, whose fingerprint is to be compared with the one you were told`
  const both = signatures.includes('ssh') && signatures.includes('openpgp')
  return html`<p>The key must come from elsewhere than this page: ${signatures.includes('ssh') ? ssh : undefined}${both ? '; ' : undefined}${signatures.includes('openpgp') ? openpgp : undefined}.</p>`
}
