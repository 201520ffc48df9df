/** The package set: when the mirror is asked, when apt is run, what stays as it was, and what must not be in the image. */
import t from 'tap'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import { resolvePackages } from '../../pipeline/stages/packages.js'
import type { PackageRequest } from '../../pipeline/stages/packages.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { inRelease, startIndexServer } from '../fixtures/index-server.js'

const { signal } = new AbortController()
const dates = ['Sat, 15 Nov 2025 10:00:00 UTC', 'Sun, 16 Nov 2025 10:00:00 UTC', 'Mon, 17 Nov 2025 10:00:00 UTC']
const seconds = (at: number) => Date.parse(dates[at] ?? '') / 1000
const suites = ['trixie', 'trixie-updates', 'trixie-security']
const spec = applyDefaults(
  { title: 'Test', version: '0.1.0', family: 'debian', release: 'trixie' },
  { name: 'test', knownTargets: ['kvm'] }
)
const defaults = suites.map(suite => `deb http://default.example/debian ${suite} main`)

interface TestPart {
  teardown(done: () => void): unknown
  testdir(content: Record<string, never>): string
}

async function setUp(t: TestPart, { packages = ['apt 3.0'], proxies = '' } = {}) {
  const server = await startIndexServer()
  t.teardown(server.close)
  const sign = (at: number) => suites.forEach(suite => server.indexes.set(suite, inRelease(dates[at] ?? '', suite)))
  sign(0)
  const offered = [...packages]
  const fake = fakeRun([
    { on: /^mmdebstrap --variant=custom /, exitCode: 25, stderr: `I: automatically chosen\n${defaults.join('\n')}\nE: setup failed\n` },
    { on: /^apt-config dump /, stdout: proxies },
    { on: / update --error-on=any$/ },
    {
      on: /^apt-get .* --simulate /,
      effect: () => offered.map(line => `Inst ${line.replace(' ', ' (')} Debian:13/stable [amd64])\n`).join(''),
    },
  ])
  const stateDirectory = t.testdir({})
  const resolve = (more: Partial<PackageRequest> = {}) =>
    resolvePackages({ spec, include: ['jq'], stateDirectory, offline: false, mirror: server.url, ...more }, fake.run, signal)
  const aptRuns = () => fake.lines().filter(line => line.startsWith('apt-get ')).length
  return { server, sign, offered, fake, resolve, aptRuns, stateDirectory }
}

t.test('tells the packages, the date of the newest index, and where they come from', async t => {
  const { server, resolve } = await setUp(t, { packages: ['jq 1.7', 'apt 3.0'] })
  server.indexes.set('trixie-security', inRelease(dates[2] ?? ''))
  const found = await resolve()
  t.same(found.packages, ['apt=3.0', 'jq=1.7'])
  t.equal(found.sourceDateEpoch, seconds(2))
  t.same(found.mirror.map(({ url, suite }) => `${url} ${suite}`), [
    `${server.url} trixie`, `${server.url} trixie-updates`, `${server.url}-security trixie-security`,
  ])
  t.same(found.sources[2], {
    url: `${server.url}-security/dists/trixie-security/InRelease`, suite: 'trixie-security', date: '2025-11-17T10:00:00.000Z',
  })
  t.same(found.imageSources, defaults)
  t.same(found.aptOptions, [])
})

t.test('runs no apt while the mirror is unchanged', async t => {
  const { server, resolve, aptRuns, fake } = await setUp(t)
  const first = await resolve()
  t.equal(aptRuns(), 2)
  t.same(await resolve(), first)
  t.equal(aptRuns(), 2)
  t.same(server.requests.slice(-3).map(request => request.status), [304, 304, 304])
  t.equal(fake.lines().filter(line => line.startsWith('mmdebstrap')).length, 1, 'the default mirror is asked once, too')
})

t.test('a mirror that was signed anew with equal packages keeps the date', async t => {
  const { sign, resolve, aptRuns } = await setUp(t)
  const first = await resolve()
  sign(1)
  const second = await resolve()
  t.equal(aptRuns(), 4)
  t.same([second.packages, second.sourceDateEpoch], [first.packages, seconds(0)])
  t.equal(second.sources[0]?.date, '2025-11-16T10:00:00.000Z')
  await resolve()
  t.equal(aptRuns(), 4, 'the new signature is known then')
})

t.test('a new package changes the list and the date', async t => {
  const { sign, offered, resolve } = await setUp(t)
  await resolve()
  sign(2)
  offered[0] = 'apt 3.1'
  const second = await resolve()
  t.same([second.packages, second.sourceDateEpoch], [['apt=3.1'], seconds(2)])
})

t.test('other wishes are resolved anew', async t => {
  const { resolve, aptRuns } = await setUp(t)
  await resolve()
  await resolve({ include: ['jq', 'curl'] })
  t.equal(aptRuns(), 4)
})

t.test('offline builds from what is known, and asks nobody', async t => {
  const { server, resolve, aptRuns } = await setUp(t)
  const first = await resolve()
  const asked = server.requests.length
  server.close()
  t.same(await resolve({ offline: true }), first)
  t.equal(server.requests.length, asked)
  t.equal(aptRuns(), 2)
})

t.test('offline without knowledge says so', async t => {
  const { server, resolve } = await setUp(t)
  const error = await failureOf(resolve({ offline: true }))
  t.equal(
    formatError(error),
    'error: Cannot build test offline: its package list was never resolved on this store. (run once without --offline)'
  )
  t.equal(error.exitCode, 2)
  t.equal(server.requests.length, 0)
})

t.test("the build host's mirror must not be in the image, unless the image names it itself", async t => {
  const { server, resolve } = await setUp(t)
  const { host } = new URL(server.url)
  t.same((await resolve()).forbidden, [{ name: "the build host's mirror", value: host }])
  const line = `deb ${server.url} trixie main`
  const own = await resolve({ spec: { ...spec, aptSources: [line] } })
  t.same([own.forbidden, own.imageSources], [[], [line]])
})

t.test('passwords are forbidden in the image, masked in logs, and not kept on disk', async t => {
  const proxies = 'Acquire::http::Proxy\thttp://user:proxy-secret@proxy.example:3128\n'
  const { server, resolve, stateDirectory, fake } = await setUp(t, { proxies })
  const found = await resolve({ mirror: server.url.replace('://', '://user:mirror-secret@') })
  t.same(found.forbidden, [
    { name: "the build host's mirror", value: new URL(server.url).host },
    { name: "the build host's proxy", value: 'proxy.example:3128' },
    { name: "the mirror's password", value: 'mirror-secret' },
    { name: "the proxy's password", value: 'proxy-secret' },
  ])
  t.same(found.aptOptions, ['Acquire::http::Proxy "http://user:proxy-secret@proxy.example:3128";'])
  t.same(found.secrets, ['mirror-secret', 'proxy-secret'])
  t.notMatch(JSON.stringify(found.sources), /secret/)
  const kept = readdirSync(stateDirectory, { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  t.equal(kept.length, 2)
  for (const { parentPath, name } of kept) t.notMatch(readFileSync(join(parentPath, name), 'utf8'), /secret/, name)
  for (const { line, options } of fake.calls) {
    if (line.startsWith('apt-get')) t.same(options.secrets, found.secrets)
  }
})

t.test('a proxy on the host itself is no name of the host', async t => {
  const { resolve } = await setUp(t, { proxies: 'Acquire::http::Proxy\thttp://localhost\nAcquire::https::Proxy\thttp://127.0.0.1:3142\n' })
  t.same((await resolve()).forbidden.slice(1), [{ name: "the build host's proxy", value: '127.0.0.1:3142' }])
})

t.test('a mmdebstrap that names no sources is an error, and is asked again', async t => {
  const failing = fakeRun([{ on: /^mmdebstrap /, exitCode: 1, stderr: 'E: cannot use unshare mode\n' }])
  const request = { spec, include: [], stateDirectory: t.testdir({}), offline: false }
  for (const _ of [1, 2]) {
    const error = await failureOf(resolvePackages(request, failing.run, signal))
    t.equal(
      formatError(error),
      'error: mmdebstrap does not tell its package sources for "trixie". (see its words below; without root it needs newuidmap and lines for this user in /etc/subuid and /etc/subgid)\n  E: cannot use unshare mode'
    )
  }
  t.equal(failing.calls.length, 2)
})
