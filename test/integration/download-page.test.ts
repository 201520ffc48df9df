/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
/** The download page as visitors meet it: Chromium, and a real S3 server. Screenshots are left in .pipeline/screenshots/. */
/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import t from 'tap'
import { createHash } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { chromium } from 'playwright-core'
import type { BrowserContextOptions, Page } from 'playwright-core'
import { makeSshKey } from '../fixtures/keys.js'
import { repository, runMain } from '../fixtures/main-run.js'
import { makePublicBucket } from '../fixtures/public-bucket.js'
import { makeRelease } from '../fixtures/release.js'
import { startS3Server } from '../fixtures/s3-server.js'

const server = await startS3Server()
t.teardown(() => server.close())
Object.assign(process.env, server.env)
await makePublicBucket(server.url, 'page-images')
const directory = t.testdir({})
const key = makeSshKey(join(directory, 'key'))
const url = `${server.url}/page-images/index.html`
const files = {
  kvm: { 'ciab-1.0.0.qcow2': 3_000_000, 'start.sh': '#!/bin/sh\n', 'README.txt': 'read me\n' },
  vmware: { 'ciab-1.0.0.zip': 2_000_000 },
  hyperv: { 'ciab-1.0.0.vhdx': 1_500_000, 'import.ps1': 'New-VM\n' },
  parallels: { 'ciab-1.0.0.pvm.zip': 1_400_000 },
}
const releases = [['1.0.0', 'nightly'], ['1.0.1', 'stable'], ['1.0.2', 'nightly']] as const
for (const [version, channel] of releases) {
  const release = await makeRelease(directory, { version, files })
  for (const argv of [['sign', release], ['publish', release, '--to', 's3://page-images', '--channel', channel]]) {
    const { code, stderr } = await runMain([...argv, '--sign-key', key, '--store', join(directory, 'state')])
    if (code !== 0) throw new Error(stderr)
  }
}

// Root may not use Chromium's sandbox; the page is our own.
const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] })
t.teardown(() => browser.close())
const screenshots = join(repository, '.pipeline/screenshots')
mkdirSync(screenshots, { recursive: true })

interface Visit {
  readonly page: Page
  /** Every address that was asked for, and every error of the page. */
  readonly requests: readonly string[]
  readonly errors: readonly string[]
}

async function visit<Value>(options: BrowserContextOptions, look: (visit: Visit) => Promise<Value>): Promise<Value> {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options })
  // tsx marks named functions by a helper of its own, and what `evaluate` sends to the browser does not bring it along.
  await context.addInitScript('globalThis.__name = value => value')
  try {
    const page = await context.newPage()
    const [requests, errors]: [string[], string[]] = [[], []]
    page.on('request', request => void requests.push(request.url()))
    page.on('pageerror', error => void errors.push(error.message))
    page.on('console', message => void (message.type() === 'error' && errors.push(message.text())))
    await page.goto(url)
    return await look({ page, requests, errors })
  } finally {
    await context.close()
  }
}

const cardsOf = (page: Page) => page.locator('.cards').first().locator('.card')
const targetsOf = (page: Page) => cardsOf(page).evaluateAll(cards => cards.map(card => card.getAttribute('data-target')))
const screenshot = (page: Page, name: string) => page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true })

const agents = {
  windows: ['Mozilla/5.0 (Windows NT 10.0; Win64; x64)', 'vmware'],
  mac: ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)', 'vmware'],
  linux: ['Mozilla/5.0 (X11; Linux x86_64)', 'kvm'],
} as const

t.test('a click on a card downloads its file, and its SHA-256 is the one on the card', async t => {
  await visit({ acceptDownloads: true }, async ({ page, requests, errors }) => {
    const card = page.locator('.cards').first().locator('[data-target=kvm]')
    const [download] = await Promise.all([page.waitForEvent('download'), card.locator('.get').click()])
    const bytes = readFileSync(await download.path())
    t.equal(download.suggestedFilename(), 'ciab-1.0.0.qcow2')
    t.equal(createHash('sha256').update(bytes).digest('hex'), await card.locator('.sum').textContent())
    t.same(requests.filter(address => !address.startsWith(server.url) && !address.startsWith('data:')), [], 'nothing comes from elsewhere')
    t.same(errors, [])
    await screenshot(page, 'desk-light')
  })
})

t.test("the visitor's system comes first, and is marked", async t => {
  for (const [system, [userAgent, first]] of Object.entries(agents)) {
    await visit({ userAgent }, async ({ page }) => {
      // Chromium tells the system it runs on in two more places.
      await page.addInitScript(value => {
        Object.defineProperty(navigator, 'platform', { get: () => value })
        Object.defineProperty(navigator, 'userAgentData', { get: () => undefined })
      }, { windows: 'Win32', mac: 'MacIntel', linux: 'Linux x86_64' }[system as keyof typeof agents])
      await page.reload()
      t.equal((await targetsOf(page))[0], first, system)
      t.ok(await cardsOf(page).first().locator('.tag').isVisible())
    })
  }
})

t.test('without scripts everything is there and can be downloaded', async t => {
  await visit({ javaScriptEnabled: false }, async ({ page }) => {
    t.equal(await page.locator('.cards').first().locator('.card').count(), 4)
    const link = await page.locator('[data-target=kvm] .get').first().getAttribute('href')
    t.equal((await fetch(new URL(link ?? '', url))).status, 200)
    const panel = page.locator('details.panel').first()
    await panel.locator('summary').click()
    const [, disk = ''] = /'(http\S+qcow2)'/.exec((await panel.locator('pre').first().textContent()) ?? '') ?? []
    t.equal((await fetch(disk)).status, 200, 'the lines for a terminal hold whole addresses')
    t.ok(await panel.locator('noscript p', { hasText: 'another address' }).isVisible(), 'and say what to do at another one')
    await screenshot(page, 'no-script')
  })
})

t.test('fits a phone, in light and dark', async t => {
  const phone = { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2, isMobile: true }
  for (const colorScheme of ['light', 'dark'] as const) {
    await visit({ ...phone, colorScheme }, async ({ page }) => {
      const [content, window] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth] as const)
      t.ok(content <= window, `${content} of ${window} pixels`)
      const table = page.locator('.scroll')
      t.same(await table.evaluate(({ scrollWidth, clientWidth }) => scrollWidth - clientWidth), 0, 'older releases need no scrolling to the side')
      t.equal(await table.evaluate(element => getComputedStyle(element.querySelector('td[data-label]') as Element, '::before').content), '"Date"')
      await screenshot(page, `phone-${colorScheme}`)
    })
  }
  const [light, dark] = await Promise.all((['light', 'dark'] as const).map(colorScheme => visit({ colorScheme }, ({ page }) => page.evaluate(() => getComputedStyle(document.body).backgroundColor))))
  t.not(light, dark)
  await visit({ colorScheme: 'dark' }, ({ page }) => screenshot(page, 'desk-dark'))
})

/** WCAG 2: every text on what lies behind it. */
const leastContrast = 4.5

t.test('text has enough contrast in both schemes, every link and button a name, headings their order', async t => {
  for (const colorScheme of ['light', 'dark'] as const) {
    const found = await visit({ colorScheme }, ({ page }) => page.evaluate(() => {
      const numbers = (color: string) => (color.match(/[\d.]+/g) ?? []).map(Number)
      const luminance = (color: string) => {
        const [r = 0, g = 0, b = 0] = numbers(color).map(value => value / 255).map(value => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4))
        return 0.2126 * r + 0.7152 * g + 0.0722 * b
      }
      const backOf = (element: Element | null): string => {
        for (let each = element; each; each = each.parentElement) {
          const color = getComputedStyle(each).backgroundColor
          if ((numbers(color)[3] ?? 1) > 0) return color
        }
        return 'rgb(255, 255, 255)'
      }
      const texts = [...document.querySelectorAll('body *')].filter(element => [...element.childNodes].some(node => node.nodeType === 3 && node.textContent?.trim()) && (element as HTMLElement).offsetParent)
      const contrasts = texts.filter(element => !['SCRIPT', 'STYLE'].includes(element.tagName)).map(element => {
        const [a, b] = [luminance(getComputedStyle(element).color), luminance(backOf(element))].sort((x, y) => y - x) as [number, number]
        return { text: (element.textContent ?? '').trim().slice(0, 40), contrast: (a + 0.05) / (b + 0.05) }
      })
      const unnamed = [...document.querySelectorAll('a, button')].filter(element => !(element.getAttribute('aria-label') ?? element.textContent ?? '').trim()).length
      const headings = [...document.querySelectorAll('h1, h2, h3')].map(element => Number(element.tagName[1]))
      return { contrasts, unnamed, headings, language: document.documentElement.lang }
    }))
    t.ok(found.contrasts.length > 30)
    t.same(found.contrasts.filter(({ contrast }) => contrast < leastContrast), [], colorScheme)
    t.same([found.unnamed, found.language, found.headings.filter(level => level === 1).length], [0, 'en', 1])
  }
})

t.test('tells the nightly beside stable, and older releases', async t => {
  await visit({}, async ({ page }) => {
    t.match(await page.locator('.facts').first().textContent(), /1\.0\.1/)
    t.equal(await page.locator('summary', { hasText: '1.0.2 (nightly)' }).count(), 1)
    t.match(await page.locator('table').textContent(), /1\.0\.0/)
    await page.locator('details.panel').first().locator('summary').click()
    t.match(await page.locator('details.panel pre').first().textContent(), `curl -fL -C - -o ciab-1.0.0.qcow2 '${server.url}/page-images/ciab/1.0.1/kvm/`, 'addresses are whole')
    await screenshot(page, 'opened')
  })
})
