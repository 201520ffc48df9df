/** One card of the download page: a hypervisor's file, how to start it, its checksum, and what was seen of it. */
import { quote } from '../run/shell-lines.js'
import type { PublishedBoot, PublishedTarget, ReleaseDocument } from './documents.js'
import { html } from './html.js'
import type { Html } from './html.js'
import { hypervisorOf } from './page-hypervisors.js'
import { sizeText } from './page-text.js'
import { treeKeys, urlPath } from './tree.js'

export function card(release: ReleaseDocument, target: PublishedTarget): Html {
  const { title, systems, start } = hypervisorOf(target.name)
  const folder = treeKeys.release(release.appliance, release.version)
  const link = (path: string) => urlPath(folder + path)
  const main = release.files.find(file => file.path === target.mainFile)
  const name = target.mainFile.split('/').at(-1) ?? ''
  const others = release.files.filter(file => file.target === target.name && file.path !== target.mainFile && isForPeople(file.path))
  const id = `${release.appliance}-${release.version}-${target.name}`
  return html`<li class="card" data-systems="${systems.join(' ')}" data-target="${target.name}">
<p class="tag">For this computer</p>
<h3 id="${id}">${title}</h3>
<p class="soft">${target.summary}</p>
<a class="get" href="${link(target.mainFile)}" download aria-label="Download for ${title}, ${sizeText(main?.sizeBytes ?? target.sizeBytes)}">Download <span>${sizeText(main?.sizeBytes ?? target.sizeBytes)}</span></a>
<p class="file">${name}</p>
<dl>
<dt>Start it</dt><dd>${start(quote(name)).map(line => html`<div class="line"><pre tabindex="0">${line}</pre></div>`)}</dd>
<dt>SHA-256</dt><dd class="sum">${main?.sha256}</dd>
<dt>Verified</dt><dd>${bootsText(release, target.boots)}</dd>
</dl>
<p class="links">
${others.map(file => html`<a href="${link(file.path)}" download>${file.path.slice(target.name.length + 1)}</a>`)}
<a href="${link(`${target.name}/SHA256SUMS`)}" download>SHA256SUMS</a>
${signatureLinks(release, link(`${target.name}/SHA256SUMS`))}
</p>
</li>`
}

/** Sums and signatures have links of their own; a chunk index is for programs. */
function isForPeople(path: string): boolean {
  return !/\.chunks$|(^|\/)SHA256SUMS(\.\w+)?$/.test(path)
}

export function signatureLinks({ signatures }: ReleaseDocument, sums: string): Html {
  const links = { ssh: ['.sig', 'signature'], openpgp: ['.asc', 'OpenPGP signature'] } as const
  return html`${signatures.map(kind => html`<a href="${sums + links[kind][0]}" download>${links[kind][1]}</a>`)}`
}

function bootsText({ verified, verifiedOn }: ReleaseDocument, boots: readonly PublishedBoot[]): Html {
  if (!verified) return html`<span class="bad">not verified</span>`
  const booted = boots.filter(boot => boot.status === 'passed')
  if (booted.length === 0) return html`looked at, but not booted: this hardware cannot be emulated`
  const each = booted.map(({ name, readyMs }) => name.toUpperCase() + (readyMs === undefined ? '' : ` in ${Math.round(readyMs / 1000)} s`))
  return html`<span class="good">booted until ready</span>: ${each.join(', ')}${verifiedOn === undefined ? '' : ` (${verifiedOn})`}`
}
