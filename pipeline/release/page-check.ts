/** The part of the download page that says how a download is checked with nothing but stock programs. */
import { sshIdentity, sshNamespace } from '../tools/signature.js'
import type { ReleaseDocument } from './documents.js'
import { html } from './html.js'
import type { Html } from './html.js'
import { inPageOrder } from './page-hypervisors.js'
import { signatureSuffixes, treeKeys, urlPath } from './tree.js'

/** `ADDRESS/` is replaced by the page's own address where scripts run. */
const address = 'ADDRESS/'

/** The lines for a shell; README.md shows the same, and a test runs them. */
export function checkLines(release: ReleaseDocument, target: { readonly name: string; readonly mainFile: string }): readonly string[] {
  const folder = address + urlPath(treeKeys.release(release.appliance, release.version))
  const main = folder + urlPath(target.mainFile)
  const sums = `${folder}${urlPath(target.name)}/SHA256SUMS`
  const ssh = release.signatures.includes('ssh')
  const openpgp = release.signatures.includes('openpgp')
  return [
    `curl -fL -C - -O ${main}`,
    `curl -fL -O ${sums}${ssh ? ` -O ${sums}${signatureSuffixes.ssh}` : ''}${openpgp ? ` -O ${sums}${signatureSuffixes.openpgp}` : ''}`,
    ...(ssh ? [`ssh-keygen -Y verify -f allowed_signers -I ${sshIdentity} -n ${sshNamespace} -s SHA256SUMS.sig < SHA256SUMS`] : []),
    ...(openpgp ? ['gpg --verify SHA256SUMS.asc SHA256SUMS'] : []),
    'sha256sum -c --ignore-missing SHA256SUMS',
  ]
}

export function checkPanel(release: ReleaseDocument): Html {
  const target = inPageOrder(release.targets).find(({ name }) => name === 'kvm') ?? inPageOrder(release.targets)[0]
  if (!target) return html``
  const name = target.mainFile.split('/').at(-1) ?? ''
  return html`<details class="panel">
<summary>Download and check in a terminal</summary>
<p>The first line goes on where it was broken off when it is typed again.</p>
<div class="line"><pre tabindex="0">${checkLines(release, target).join('\n')}</pre></div>
${release.signatures.length > 0 ? html`<p>The key must come from elsewhere than this page: <code>allowed_signers</code> is in <code>keys/</code> of the publisher's repository.</p>` : undefined}
<p>On Windows, in PowerShell, to be compared with the SHA-256 above:</p>
<div class="line"><pre tabindex="0">(Get-FileHash ${name}).Hash.ToLower()</pre></div>
</details>`
}
