/** The download page says what the documents say, for people and for screen readers, and carries nothing foreign. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { downloadPage } from '../../pipeline/release/page.js'
import { escapeHtml, html } from '../../pipeline/release/html.js'
import { pageScript } from '../../pipeline/release/page-script.js'
import { channelDocument, indexDocument, listedRelease, releaseDocument } from '../fixtures/published-documents.js'

const stable = '0.1.0+20261120.aabbccdd'
const nightly = '0.1.0+20261124.11223344'
const old = '0.0.9'

const appliance = {
  index: indexDocument([listedRelease(nightly), listedRelease(stable), listedRelease(old)]),
  channels: [channelDocument('nightly', nightly), channelDocument('stable', stable)],
  releases: [releaseDocument(nightly), releaseDocument(stable)],
}

const bucketUrl = 'https://s3.example.org/b/'
const linksOf = (page: string) => [...page.matchAll(/ href="([^"]*)"/g)].map(([, link = '']) => link)

t.test('offers stable first, nightly behind it, older releases last', async t => {
  const page = downloadPage([appliance], bucketUrl)
  const places = [`Version <strong>${stable}`, `<summary>${nightly} (nightly)`, 'Older releases', `<td>${old}`].map(text => page.indexOf(text))
  t.same(places, [...places].sort((a, b) => a - b))
  t.ok(places.every(place => place > 0))
})

t.test('every link is relative, escaped, and leads to a file of the release', async t => {
  const links = linksOf(downloadPage([{ ...appliance, channels: [channelDocument('stable', stable)] }], bucketUrl))
  const known = new Set(releaseDocument(stable).files.map(({ path }) => `ciab/0.1.0%2B20261120.aabbccdd/${path.replaceAll('+', '%2B')}`))
  const inRelease = links.filter(link => link.includes('20261120') && !link.endsWith('.sig'))
  t.ok(inRelease.length > 15)
  t.same(inRelease.filter(link => !known.has(link)), [])
  t.same(links.filter(link => /^(?:\w+:|\/)/.test(link) && link !== 'data:,'), [])
})

t.test('one release in two channels is told once', async t => {
  const page = downloadPage([{ ...appliance, channels: [channelDocument('nightly', stable), channelDocument('stable', stable)] }], bucketUrl)
  t.equal(page.match(/<ul class="cards">/g)?.length, 1)
  t.match(page, 'Channel <strong>stable, nightly</strong>')
})

t.test('what is not verified, not signed or taken back says so', async t => {
  const plain = downloadPage([appliance], bucketUrl)
  t.notMatch(plain, /Not verified\.|Not signed\.|taken back/)
  const release = releaseDocument(stable, { verified: false, signatures: [] })
  const listed = listedRelease(old, { verified: false, signed: false, retracted: { at: '2026-11-22T00:00:00.000Z', reason: 'does not boot' } })
  const page = downloadPage([{ index: indexDocument([listedRelease(stable), listed]), channels: [channelDocument('stable', stable)], releases: [release] }], bucketUrl)
  for (const text of ['<strong>Not verified.</strong>', '<strong>Not signed.</strong>', '<span class="bad">taken back</span> 2026-11-22: does not boot']) t.match(page, text)
  t.notMatch(page, /SHA256SUMS\.sig/)
})

t.test('says where each file was booted, and where it could not be', async t => {
  const page = downloadPage([appliance], bucketUrl)
  t.match(page, '<span class="good">booted until ready</span>: BIOS in 75 s, UEFI in 81 s (emulated, QEMU 10.0.2)')
  t.match(page, 'looked at, but not booted: this hardware cannot be emulated')
})

t.test('text of the documents never becomes markup', async t => {
  const evil = `"><script>alert('x')</script>`
  const page = downloadPage([{ ...appliance, index: indexDocument([listedRelease(old, { retracted: { at: '2026-11-22', reason: evil } })], { title: evil }) }], bucketUrl)
  t.equal(page.match(/<script>/g)?.length, 1, 'our own')
  t.match(page, escapeHtml(evil))
  t.equal(html`${'<'}${undefined}${[html`${'&'}`]}`.text, '&lt;&amp;')
})

t.test('the policy allows our script and nothing else', async t => {
  const page = downloadPage([appliance], bucketUrl)
  const hash = createHash('sha256').update(pageScript).digest('base64')
  t.match(page, `script-src &#39;sha256-${hash}&#39;`)
  t.match(page, `<script>${pageScript}</script>`)
  t.notMatch(page, / src="| on\w+="/)
})

t.test('nothing published, no channel, several appliances', async t => {
  t.match(downloadPage([], bucketUrl), 'Nothing is published yet.')
  t.match(downloadPage([{ index: indexDocument([]), channels: [], releases: [] }], bucketUrl), 'No release is offered now.')
  t.match(downloadPage([appliance, { ...appliance, index: indexDocument([], { appliance: 'eucalyptus', title: 'Eucalyptus' }) }], bucketUrl), '<h2>Eucalyptus</h2>')
})

t.test('the lines for a terminal name the address that the index knows, else that of the bucket', async t => {
  const told = 'https://downloads.example.org/images/'
  const page = (more: { publicUrl?: string }) => downloadPage([{ ...appliance, index: indexDocument([listedRelease(stable)], more) }], bucketUrl)
  const lines = (url: string) => [escapeHtml(`'${url}ciab/0.1.0%2B20261120.aabbccdd/kvm/`), `data-address="${url}"`]
  for (const text of lines(told)) t.match(page({ publicUrl: told }), text)
  for (const text of [...lines(bucketUrl), '<noscript>']) t.match(page({}), text)
  t.notMatch(page({ publicUrl: told }), /ADDRESS|<noscript>|s3\.example/)
})
