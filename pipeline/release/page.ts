/** The download page: one static file, made from the sealed documents of the tree and saying nothing that they do not say. Pure. */
import { createHash } from 'node:crypto'
import type { ChannelDocument, IndexDocument, ListedRelease, ReleaseDocument } from './documents.js'
import { html, trusted } from './html.js'
import type { Html } from './html.js'
import { card, signatureLinks } from './page-card.js'
import { inPageOrder } from './page-hypervisors.js'
import { pageScript } from './page-script.js'
import { pageStyle } from './page-style.js'
import { dayText, sizeText } from './page-text.js'
import { checkPanel } from './page-check.js'
import type { TreeAddress } from './page-check.js'
import { provenanceName, sbomName, treeKeys, urlPath } from './tree.js'

export interface PageAppliance {
  readonly index: IndexDocument
  readonly channels: readonly ChannelDocument[]
  /** At least those that channels point to; a row of another has links to its sums only. */
  readonly releases: readonly ReleaseDocument[]
}

/**
 * The whole page; every link is relative to the folder it lies in. The lines for a terminal cannot be: `bucketUrl`, ending
 * in a slash, is where the tree is when an index does not say it.
 */
export function downloadPage(appliances: readonly PageAppliance[], bucketUrl: string): string {
  const title = appliances.length === 1 ? `Download ${appliances[0]?.index.title ?? ''}` : 'Downloads'
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="referrer" content="no-referrer">
<title>${title}</title>
<link rel="icon" href="data:,">
<style>${trusted(pageStyle)}</style>
</head>
<body>
<a class="skip" href="#downloads">To the downloads</a>
<header><h1>${title}</h1></header>
<main id="downloads">
${appliances.length === 0 ? html`<p>Nothing is published yet.</p>` : appliances.map(each => section(each, { bucketUrl, named: appliances.length > 1 }))}
</main>
<footer>Every file is named with its size and SHA-256 in <code>index.json</code> beside it.</footer>
<script>${trusted(pageScript)}</script>
</body>
</html>
`
  return page.text
}

/** Nothing is loaded from anywhere, and no other script than ours runs. */
const policy = [
  "default-src 'none'",
  `script-src 'sha256-${createHash('sha256').update(pageScript).digest('base64')}'`,
  "style-src 'unsafe-inline'",
  'img-src data:',
  "base-uri 'none'",
  "form-action 'none'",
].join('; ')

function section(appliance: PageAppliance, { bucketUrl, named }: { readonly bucketUrl: string; readonly named: boolean }): Html {
  const { index, channels } = appliance
  const address = { url: index.publicUrl ?? bucketUrl, told: index.publicUrl !== undefined }
  const shown = inChannelOrder(channels).flatMap(channel => {
    const release = appliance.releases.find(({ version }) => version === channel.current?.version)
    return release ? [{ channel, release }] : []
  })
  // Two channels that point to the same release are told once.
  const once = shown.filter(({ release }, at) => shown.findIndex(other => other.release.version === release.version) === at)
  const names = (release: ReleaseDocument) => shown.filter(other => other.release.version === release.version).map(({ channel }) => channel.channel)
  return html`<section aria-label="${index.title}">
${named ? html`<h2>${index.title}</h2>` : undefined}
${once.length === 0 ? html`<p>No release is offered now.</p>` : undefined}
${once.map(({ release }, at) => channelPart(release, { channels: names(release), open: at === 0, address }))}
${older(appliance, once.map(({ release }) => release.version))}
</section>`
}

/** What most people want first. */
function inChannelOrder(channels: readonly ChannelDocument[]): ChannelDocument[] {
  const rank = ({ channel }: ChannelDocument) => (channel === 'stable' ? 0 : channel === 'nightly' ? 2 : 1)
  return [...channels].sort((a, b) => rank(a) - rank(b) || (a.channel < b.channel ? -1 : 1))
}

interface ChannelPart {
  readonly channels: readonly string[]
  readonly open: boolean
  readonly address: TreeAddress
}

function channelPart(release: ReleaseDocument, { channels, open, address }: ChannelPart): Html {
  const cards = html`<ul class="cards">
${inPageOrder(release.targets).map(target => card(release, target))}
</ul>
${checkPanel(release, address)}`
  const title = `${release.version} (${channels.join(', ')})`
  if (open) return html`${facts(release, channels)}${warnings(release)}${cards}`
  return html`<details class="panel"><summary>${title}, ${dayText(release.date)}</summary>${facts(release, channels)}${warnings(release)}${cards}</details>`
}

function facts(release: ReleaseDocument, channels: readonly string[]): Html {
  const { appliance, version, checks, verifiedOn } = release
  const link = (path: string) => urlPath(treeKeys.release(appliance, version) + path)
  const has = (path: string) => release.files.some(file => file.path === path)
  const reports = [['verification.md', 'verification report'], [sbomName, 'SBOM'], [provenanceName, 'provenance'], ['SHA256SUMS', 'SHA256SUMS']] as const
  return html`<ul class="facts">
<li>Version <strong>${version}</strong></li>
<li>Channel <strong>${channels.join(', ')}</strong></li>
<li>Date <strong>${dayText(release.date)}</strong></li>
<li>For <strong>${release.architecture}</strong></li>
<li>${release.verified ? html`<span class="good">${checks.passed} checks passed</span>${checks.skipped > 0 ? `, ${checks.skipped} not possible (the report says why)` : ''}${verifiedOn === undefined ? '' : `, ${verifiedOn}`}` : html`<span class="bad">not verified</span>`}</li>
</ul>
<p class="facts">
${reports.filter(([path]) => has(path)).map(([path, words]) => html`<a href="${link(path)}">${words}</a>`)}
${signatureLinks(release, link('SHA256SUMS'))}
</p>`
}

function warnings({ verified, signatures }: ReleaseDocument): Html {
  return html`${verified ? undefined : html`<p class="note"><strong>Not verified.</strong> Its verification failed or is not complete. Do not use it for anything that matters.</p>`}
${signatures.length > 0 ? undefined : html`<p class="note"><strong>Not signed.</strong> The checksums tell a broken download, but not who made it.</p>`}`
}

function older({ index, releases }: PageAppliance, shown: readonly string[]): Html {
  const rest = index.releases.filter(({ version }) => !shown.includes(version))
  if (rest.length === 0) return html``
  return html`<h2>Older releases</h2>
<div class="scroll" tabindex="0" role="region" aria-label="Older releases"><table>
<thead><tr><th scope="col">Version</th><th scope="col">Date</th><th scope="col">Size</th><th scope="col">State</th><th scope="col">Files</th></tr></thead>
<tbody>
${rest.map(each => row(index.appliance, each, releases.find(({ version }) => version === each.version)))}
</tbody>
</table></div>`
}

function row(appliance: string, listed: ListedRelease, release: ReleaseDocument | undefined): Html {
  const link = (path: string) => urlPath(treeKeys.release(appliance, listed.version) + path)
  const files = release
    ? inPageOrder(release.targets).map(target => html`<a href="${link(target.mainFile)}" download>${target.name}</a>`)
    : listed.targets.map(name => html`${name}`)
  // On a phone the cells stand below each other, and say themselves what they are.
  const cell = (label: string, content: Html | string) => html`<td data-label="${label}">${content}</td>`
  return html`<tr><td>${listed.version}</td>${cell('Date', dayText(listed.date))}${cell('Size', sizeText(listed.totalBytes))}${cell('State', stateOf(listed))}${cell('Files', html`${files} <a href="${link('SHA256SUMS')}">SHA256SUMS</a>`)}</tr>`
}

function stateOf({ retracted, verified, signed }: ListedRelease): Html {
  if (retracted) return html`<span class="bad">taken back</span> ${dayText(retracted.at)}: ${retracted.reason}`
  const words = [verified ? 'verified' : 'not verified', signed ? 'signed' : 'not signed']
  return html`${words.join(', ')}`
}
