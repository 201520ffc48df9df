import t from 'tap'
import { Script } from 'node:vm'
import type { Browser } from 'playwright-core'
import { downloadPage } from '../../pipeline/release/page.js'
import { pageScript } from '../../pipeline/release/page-script.js'
import { openBrowser, playSite } from '../fixtures/browser.js'
import type { PlayedSite } from '../fixtures/browser.js'
import { channelDocument, indexDocument, listedRelease, releaseDocument } from '../fixtures/published-documents.js'

t.test('the script parses, asks nobody for anything and ends no element', t => {
  t.ok(new Script(pageScript))
  t.notMatch(pageScript, /fetch\(|XMLHttpRequest|https?:|import\(|<\//)
  t.end()
})

const told = 'https://downloads.example.org/images/'
/** What a replacement of a text takes for an order. */
const folder = 'mirror$&of/'
let browser: Browser
let site: PlayedSite
t.before(async () => {
  browser = await openBrowser()
  const shown = { index: indexDocument([listedRelease('1')], { publicUrl: told }), channels: [channelDocument('stable', '1')], releases: [releaseDocument('1')] }
  site = await playSite({ [`/${folder}index.html`]: downloadPage([shown], 'https://s3.example.org/b/') }, {})
})
t.teardown(async () => {
  site.close()
  await browser.close()
})

for (const [javaScriptEnabled, address] of [[false, () => told], [true, () => `${site.url}${folder}`]] as const) {
  t.test(`${javaScriptEnabled ? 'with' : 'without'} scripts the lines for a terminal name ${javaScriptEnabled ? "the page's own" : "the tree's"} address`, async t => {
    const context = await browser.newContext({ javaScriptEnabled })
    const page = await context.newPage()
    await page.goto(`${site.url}${folder}index.html`)
    const lines = (await page.locator('details.panel pre').first().textContent()) ?? ''
    t.equal(lines.split('\n')[0], `curl -fL -C - -o ciab-1.qcow2 '${address()}ciab/1/kvm/ciab-1.qcow2'`)
    t.equal(lines.match(/https?:/g)?.length, 3)
    t.equal(lines.split(address()).length, 4, 'all of them')
    await context.close()
  })
}
