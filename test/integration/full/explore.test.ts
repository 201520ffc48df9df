/**
 * What the person who downloads an image meets, for real: the built kit starts the built image on a bridge of a machine of
 * its own (a network namespace); its page is watched from the first second to `ready` in Chromium, its web console is used.
 * A second boot has no nested virtualisation. Screenshots are kept in .pipeline/screenshots/ to be looked at.
 */
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import type { Browser, Page } from 'playwright-core'
import { axeFaults, openBrowser } from '../../fixtures/browser.js'
import { builtImage, sharedPlaces } from '../../fixtures/built-image.js'
import { repository } from '../../fixtures/cli-run.js'
import { makeHost } from '../../fixtures/namespaces.js'
import type { NetworkHost } from '../../fixtures/namespaces.js'
import { processesWith } from '../../fixtures/processes.js'
import { realDeps } from '../../fixtures/target-contract.js'

const places = sharedPlaces(t)
const screenshots = join(repository, '.pipeline/screenshots')
mkdirSync(screenshots, { recursive: true })

/** Emulated, on a machine that does other things, too. */
const readyMs = 900_000
const pageMs = 120_000

interface Visit {
  readonly host: NetworkHost
  readonly kit: string
  readonly state: string
  readonly script: (line: string) => ReturnType<NetworkHost['on']>
}

/** The same hardware, but for what nesting needs. */
const withoutSvm = '#!/bin/sh\nfor word; do shift; case $word in EPYC) word=EPYC,-svm ;; esac; set -- "$@" "$word"; done\nexec qemu-system-x86_64 "$@"\n'

/** The unpacked folder, on a machine of its own. `qemu` is a script that goes between kit and QEMU, as QEMU= does for anybody. */
async function unpack(test: Pick<typeof t, 'teardown'>, qemu?: string): Promise<Visit> {
  const { release } = await builtImage(places)
  // Removed below, when nothing of it runs any more.
  const directory = mkdtempSync(join(places.work, 'explore-'))
  const [kit, state, between] = [join(directory, 'kit'), join(directory, 'state'), join(directory, 'qemu')]
  cpSync(join(release, 'kvm'), kit, { recursive: true })
  if (qemu !== undefined) writeFileSync(between, qemu, { mode: 0o755 })
  const host = await makeHost(realDeps.run)
  const env = [`EVC_STATE=${state}`, ...(qemu === undefined ? [] : [`QEMU=${between}`])]
  const script = async (line: string) => {
    const [name = '', ...args] = line.split(' ')
    return await host.on(['env', ...env, join(kit, name), ...args])
  }
  test.teardown(async () => {
    await script('teardown-evc.sh --wait 0')
    host.end()
    rmSync(directory, { recursive: true, force: true })
  })
  return { host, kit, state, script }
}

/** A browser that is on that machine: its process is in the namespace. */
async function browserOn({ host, kit }: Visit): Promise<Browser> {
  const wrapper = join(kit, 'chromium-there')
  writeFileSync(wrapper, `#!/bin/sh\nexec ${host.prefix.join(' ')} /usr/bin/chromium "$@"\n`)
  chmodSync(wrapper, 0o755)
  return await openBrowser(wrapper)
}

async function look(tab: Page, name: string): Promise<void> {
  await tab.screenshot({ path: join(screenshots, `booting-${name}.png`), fullPage: true })
  t.same(await axeFaults(tab), [], `axe finds no serious fault: ${name}`)
}

function credentials(text: string): { readonly user: string; readonly password: string } {
  const value = (key: string) => new RegExp(`^${key}: (\\S+)`, 'm').exec(text)?.[1] ?? ''
  return { user: value('user'), password: value('password') }
}

/** Opens the page as soon as anything answers, and notes each state that it shows until the last one. */
async function watch(tab: Page, url: string): Promise<readonly string[]> {
  const shown: string[] = []
  const end = Date.now() + readyMs
  while (Date.now() < end && !['Ready', 'Failed'].includes(shown.at(-1) ?? '')) {
    if (!tab.url().startsWith(url)) await tab.goto(url, { timeout: 5000 }).catch(() => undefined)
    const words = await tab.locator('#state').textContent({ timeout: 1000 }).catch(() => null)
    if (words && words !== 'connecting' && words !== shown.at(-1)) {
      shown.push(words)
      await tab.screenshot({ path: join(screenshots, `booting-${shown.length}-${words.toLowerCase().replace(/\W+/g, '-')}.png`) })
    }
    await tab.waitForTimeout(500)
  }
  return shown
}

t.test('from the first second to an instance that its owner has started', { timeout: 2_400_000 }, async t => {
  const visit = await unpack(t)
  const { host, script } = visit
  const before = await host.snapshot()
  const browser = await browserOn(visit)
  t.teardown(() => browser.close())
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1100, height: 900 } })
  const tab = await context.newPage()
  const foreign: string[] = []
  tab.on('request', request => void (/^(http:\/\/192\.168\.42\.2\/|data:)/.test(request.url()) || foreign.push(request.url())))

  const started = script(`run-evc.sh --accel tcg --qemu --snapshot --wait ${readyMs / 1000}`)
  const shown = await watch(tab, 'http://192.168.42.2/')
  t.equal(shown.at(-1), 'Ready')
  t.ok(shown.includes('Setting up the cloud'), `it was looked at while it set itself up: ${shown.join(', ')}`)
  const { stdout, stderr, exitCode } = await started
  t.equal(exitCode, 0, stderr)
  t.match(stdout, 'page     http://192.168.42.2/\n')
  t.match((await host.on(['ip', 'neigh', 'show', '192.168.42.2'])).stdout, /dev evcbr0/, 'at the address that the kit leased to it')

  await tab.locator('#rows tr', { hasText: 'demo-vm' }).waitFor({ timeout: pageMs })
  t.match(await tab.locator('#nested').textContent(), 'Nested virtualisation works (QEMU in emulation)')
  await look(tab, 'ready')
  const secured = await context.newPage()
  await secured.goto('https://192.168.42.2/', { timeout: pageMs })
  const told = (await secured.locator('#fingerprint').textContent({ timeout: pageMs })) ?? ''
  await host.on(['sh', '-c', 'echo | openssl s_client -connect 192.168.42.2:443 2>/dev/null | openssl x509 -noout -fingerprint -sha256']).then(({ stdout: seen }) =>
    t.equal(seen.trim(), `sha256 Fingerprint=${told}`, 'the fingerprint that the page tells is that of its certificate'))
  t.same(foreign, [], 'no request leaves the machine')

  const { user, password } = credentials((await script('status --credentials')).stdout)
  t.ok(password, 'status shows how to log in')
  const console = await context.newPage()
  await console.goto(await tab.locator('a.console').first().getAttribute('href') ?? '', { timeout: pageMs })
  await console.locator('#login-user-input').fill(user, { timeout: pageMs })
  await console.locator('#login-password-input').fill(password)
  await console.screenshot({ path: join(screenshots, 'console-1-log-in.png') })
  await console.locator('#login-button').click()
  // Its answer makes the session: a page opened before would ask again.
  await console.locator('#topnav').waitFor({ timeout: pageMs })
  await console.goto(`${new URL(console.url()).origin}/system/terminal`, { timeout: pageMs })
  const terminal = console.frameLocator('iframe[name="cockpit1:localhost/system/terminal"]').locator('.xterm-helper-textarea')
  await terminal.waitFor({ state: 'attached', timeout: pageMs })
  await terminal.focus()
  await console.keyboard.type('incus launch demo mine; evc status\n', { delay: 30 })
  await tab.bringToFront()
  await tab.locator('#rows tr', { hasText: 'mine' }).filter({ hasText: 'running' }).waitFor({ timeout: pageMs * 2 })
  t.pass('the instance started in the terminal of the web console is on the landing page')
  await tab.screenshot({ path: join(screenshots, 'booting-ready-with-mine.png'), fullPage: true })
  await console.bringToFront()
  await console.screenshot({ path: join(screenshots, 'console-2-terminal.png') })

  await browser.close()
  t.equal((await script('teardown-evc.sh --wait 0')).exitCode, 0)
  t.same(await host.snapshot(), before, 'the machine is as it was')
  t.same(processesWith(visit.state), [])
})

t.test('without nested virtualisation it comes to ready, too, and says what to do', { timeout: 1_800_000 }, async t => {
  const visit = await unpack(t, withoutSvm)
  const { stdout, stderr, exitCode } = await visit.script(`run-evc.sh --user --accel tcg --snapshot --wait ${readyMs / 1000}`)
  t.equal(exitCode, 0, stderr)
  t.match(stderr, "run-evc.sh: No virtual machines inside yet: This machine is emulated by QEMU. Start it with -accel kvm -cpu host, or in emulation with -cpu EPYC\n")
  const browser = await browserOn(visit)
  t.teardown(() => browser.close())
  const tab = await browser.newPage({ viewport: { width: 390, height: 844 } })
  await tab.goto(/^page +(\S+)$/m.exec(stdout)?.[1] ?? '', { timeout: pageMs })
  await tab.locator('.label.ready').waitFor({ timeout: pageMs })
  t.equal(await tab.locator('#nested').textContent(), 'No virtual machines yet, containers only (QEMU in emulation).')
  t.match(await tab.locator('#hint').textContent(), 'in emulation with -cpu EPYC')
  await look(tab, 'ready-without-nesting-phone')
})
