/**
 * The landing page in a real browser, from the first second to `ready`, with and without nesting; screenshots are kept
 * in .pipeline/screenshots/ to be looked at.
 */
import { mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import type { Browser, Page } from 'playwright-core'
import { axeFaults, openBrowser, playSite } from '../fixtures/browser.js'
import type { PlayedSite } from '../fixtures/browser.js'

const root = fileURLToPath(new URL('../..', import.meta.url))
const firstBoot = join(root, 'kickstarts/ciab/first-boot')
const page = readFileSync(join(firstBoot, 'usr/share/evc/www/index.html'), 'utf8')
const policy = /Content-Security-Policy "([^"]+)"/.exec(readFileSync(join(firstBoot, 'etc/evc/page.conf'), 'utf8'))?.[1] ?? ''
const screenshots = join(root, '.pipeline/screenshots')
mkdirSync(screenshots, { recursive: true })

const fingerprint = Array.from({ length: 32 }, () => 'AB').join(':')
const facts = { appliance: 'ciab', version: '0.1.0', hypervisor: 'vmware' }
const states = {
  booting: { state: 'booting', ...facts },
  cloud: { state: 'cloud', ...facts, address: '192.168.42.2', fingerprint, nested: 'kvm' },
  failed: { state: 'failed', step: 'cloud', reason: 'incus did not start: journalctl -u incus', ...facts, settingsProblem: 'address: "x" is no address like 192.168.1.5/24' },
  ready: { state: 'ready', ...facts, address: '192.168.42.2', fingerprint, nested: 'kvm' },
  noNesting: {
    state: 'ready', ...facts, address: '10.0.2.15', fingerprint, nested: 'unavailable', forwarded: 'http:8080,console:9091,api:8444,ssh:2223',
    nestedHint: 'The hypervisor (VMware) hides vmx. Power off, set vhv.enable = "TRUE" in the .vmx file, or on vSphere: govc vm.change -vm NAME -nested-hv-enabled=true',
  },
}
const instances = { instances: [{ name: 'demo', kind: 'container', status: 'running' }, { name: 'demo-vm', kind: 'machine', status: 'stopped' }] }

let browser: Browser
let site: PlayedSite
t.before(async () => {
  browser = await openBrowser()
  site = await playSite({ '/index.html': page }, { 'content-security-policy': policy })
})
t.teardown(async () => {
  await browser.close()
  site.close()
})

function serve(state: object | undefined, listed?: object): void {
  site.files.delete('/state.json')
  site.files.delete('/instances.json')
  if (state) site.files.set('/state.json', JSON.stringify(state))
  if (listed) site.files.set('/instances.json', JSON.stringify(listed))
}

/** Opens the page and notes every request that leaves it. */
async function open(size: { width: number; height: number }, colorScheme: 'light' | 'dark' = 'light'): Promise<{ tab: Page; foreign: string[] }> {
  const context = await browser.newContext({ viewport: size, colorScheme })
  const tab = await context.newPage()
  const foreign: string[] = []
  tab.on('request', request => void (request.url().startsWith(site.url) || request.url().startsWith('data:') || foreign.push(request.url())))
  await tab.goto(site.url)
  return { tab, foreign }
}

async function shoot(tab: Page, name: string): Promise<void> {
  await tab.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true })
}

const desktop = { width: 1280, height: 900 }
const phone = { width: 360, height: 740 }

t.test('shows each state as it comes, without a reload', async t => {
  serve(states.booting)
  const { tab, foreign } = await open(desktop)
  await tab.getByText('Starting', { exact: true }).waitFor()
  await shoot(tab, 'booting')
  serve(states.cloud)
  await tab.getByText('Setting up the cloud').waitFor()
  t.match(await tab.locator('#version').textContent(), 'ciab 0.1.0 at 192.168.42.2')
  t.equal(await tab.locator('[aria-current=step]').textContent(), 'cloud, under way')
  await shoot(tab, 'cloud')
  serve(states.ready, instances)
  await tab.getByText('Ready', { exact: true }).waitFor()
  await tab.getByRole('row', { name: 'demo-vm virtual machine stopped' }).waitFor()
  t.equal(await tab.getByRole('row').count(), 3)
  t.match(await tab.locator('#nested').textContent(), 'Nested virtualisation works (VMware)')
  t.equal(await tab.locator('#fingerprint').textContent(), fingerprint)
  await shoot(tab, 'ready')
  serve(states.ready, { instances: [...instances.instances, { name: 'first', kind: 'container', status: 'running' }] })
  await tab.getByRole('row', { name: 'first container running' }).waitFor()
  t.same(foreign, [], 'no request leaves the machine')
})

t.test('links keep the name by which the page was opened, and the ports by which the host forwards', async t => {
  serve(states.noNesting, instances)
  const { tab } = await open(desktop)
  await tab.getByText('Ready', { exact: true }).waitFor()
  t.equal(await tab.locator('a.console').getAttribute('href'), 'https://127.0.0.1:9091/')
  t.match(await tab.locator('pre').nth(1).textContent(), 'incus remote add box https://127.0.0.1:8444')
  t.match(await tab.locator('dd').nth(1).textContent(), 'ssh -p 2223 evc@127.0.0.1')
  t.match(await tab.locator('#hint').textContent(), 'vhv.enable = "TRUE"')
  t.match(await tab.locator('#nested').textContent(), 'No virtual machines yet, containers only (VMware).')
  await shoot(tab, 'no-nesting')
})

t.test('says what failed, and which settings were not taken', async t => {
  serve(states.failed)
  const { tab } = await open(desktop)
  await tab.getByText('Failed', { exact: true }).waitFor()
  t.equal(await tab.locator('#reason').textContent(), 'cloud: incus did not start: journalctl -u incus')
  t.match(await tab.locator('#settings').textContent(), 'First-boot settings that were not taken: address: "x"')
  await shoot(tab, 'failed')
  serve(undefined)
  await tab.getByText('not reachable').waitFor()
})

t.test('fits a phone, and axe finds no serious fault in light or dark', async t => {
  for (const [name, state] of Object.entries(states)) {
    serve(state, state.state === 'ready' ? instances : undefined)
    for (const colour of ['light', 'dark'] as const) {
      const { tab } = await open(phone, colour)
      await tab.locator(`#state.${state.state}`).waitFor()
      t.ok((await tab.evaluate('document.documentElement.scrollWidth')) as number <= phone.width, `${name} is not wider than the phone`)
      t.same(await axeFaults(tab), [], `${name}, ${colour}`)
      await shoot(tab, `phone-${name}-${colour}`)
      await tab.context().close()
    }
  }
})
