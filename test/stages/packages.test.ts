/** The package set: when the mirror is asked, when apt is run, what stays as it was, and what must not be in the image. */
import t from 'tap'
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import { resolvePackages } from '../../pipeline/stages/packages.js'
import type { PackageRequest } from '../../pipeline/stages/packages.js'
import { needleForms } from '../../pipeline/tools/needles.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { inRelease, playApt } from '../fixtures/played-apt.js'

const dates = ['Sat, 15 Nov 2025 10:00:00 UTC', 'Sun, 16 Nov 2025 10:00:00 UTC', 'Mon, 17 Nov 2025 10:00:00 UTC']
const seconds = (at: number) => Date.parse(dates[at] ?? '') / 1000
const suites = ['trixie', 'trixie-updates', 'trixie-security']
const spec = applyDefaults(
  { title: 'Test', version: '0.1.0', family: 'debian', release: 'trixie' },
  { name: 'test', knownTargets: ['kvm'] }
)
const defaults = suites.map(suite => `deb http://default.example/debian ${suite} main`)

const mirrorUrl = 'http://mirror.example/debian'

interface TestPart {
  testdir(content: Record<string, never>): string
}

function setUp(t: TestPart, { packages = ['apt 3.0'], proxies = '' } = {}) {
  const apt = playApt(packages)
  const sign = (at: number) => suites.forEach(suite => apt.indexes.set(suite, inRelease(dates[at] ?? '', suite)))
  sign(0)
  const fake = fakeRun([
    { on: /^mmdebstrap --variant=custom /, exitCode: 25, stderr: `I: automatically chosen\n${defaults.join('\n')}\nE: setup failed\n` },
    { on: /^apt-config dump /, stdout: proxies },
    ...apt.answers,
  ])
  const stateDirectory = t.testdir({})
  const resolve = (more: Partial<PackageRequest> = {}) => {
    const request = { spec, include: ['jq'], stateDirectory, offline: false, mirror: mirrorUrl, env: {}, aptFolder: '/nowhere' }
    return resolvePackages({ ...request, ...more }, fake.run)
  }
  const runs = (pattern: RegExp) => fake.lines().filter(line => pattern.test(line)).length
  return { apt, sign, offered: apt.offered, fake, resolve, resolved: () => runs(/--simulate/), asked: () => runs(/ update /), stateDirectory, runs }
}

t.test('tells the packages, the date of the newest index, and where the image gets its own', async t => {
  const { apt, resolve } = setUp(t, { packages: ['jq 1.7', 'apt 3.0'] })
  apt.indexes.set('trixie-security', inRelease(dates[2] ?? ''))
  const found = await resolve()
  t.same(found.packages, ['apt=3.0', 'jq=1.7'])
  t.equal(found.sourceDateEpoch, seconds(2))
  t.same(found.mirror.map(({ url, suite }) => `${url} ${suite}`), [
    `${mirrorUrl} trixie`, `${mirrorUrl} trixie-updates`, `${mirrorUrl}-security trixie-security`,
  ])
  t.match(found.sources.map(({ sha256 }) => sha256), suites.map(() => /^[0-9a-f]{64}$/), 'the digest of each index')
  t.same(found.sources.map(({ url, suite, date }) => ({ url, suite, date })), suites.map((suite, at) => ({
    url: 'http://default.example/debian', suite, date: new Date(seconds(at === 2 ? 2 : 0) * 1000).toISOString(),
  })))
  t.same(found.imageSources, defaults)
  t.same(found.aptOptions, [])
})

t.test("the manifest's sources are the image's own, without credentials, and none where it has none", async t => {
  const { resolve } = setUp(t)
  const aptSources = ['deb http://user:sesame@own.example/debian trixie main']
  t.same((await resolve({ spec: { ...spec, aptSources } })).sources.map(({ url, suite }) => [url, suite]), [
    ['http://own.example/debian', 'trixie'], [undefined, 'trixie-updates'], [undefined, 'trixie-security'],
  ])
})

t.test('apt asks for news each time, and resolves nothing while the mirror is unchanged', async t => {
  const { resolve, resolved, asked, runs } = setUp(t)
  const first = await resolve()
  t.same([asked(), resolved()], [1, 1])
  t.same(await resolve(), first)
  t.same([asked(), resolved()], [2, 1])
  t.equal(runs(/^mmdebstrap/), 1, 'the default mirror is asked once')
})

t.test('a mirror that was signed anew with equal packages keeps the date', async t => {
  const { sign, resolve, resolved } = setUp(t)
  const first = await resolve()
  sign(1)
  const second = await resolve()
  t.equal(resolved(), 2)
  t.same([second.packages, second.sourceDateEpoch], [first.packages, seconds(0)])
  t.same(second.sources, first.sources, 'the manifest of the same version names the same state')
  sign(2)
  t.same((await resolve()).sources, first.sources)
  await resolve()
  t.equal(resolved(), 3, 'the new signature is known then')
})

t.test('another mirror with equal packages keeps the date, too', async t => {
  const { sign, resolve, offered } = setUp(t)
  await resolve()
  sign(1)
  t.equal((await resolve({ mirror: 'http://other.example/debian' })).sourceDateEpoch, seconds(0))
  offered[0] = 'apt 3.1'
  t.equal((await resolve({ mirror: 'http://third.example/debian' })).sourceDateEpoch, seconds(1), 'and one with others does not')
})

t.test('a new package changes the list and the date', async t => {
  const { sign, offered, resolve } = setUp(t)
  await resolve()
  sign(2)
  offered[0] = 'apt 3.1'
  const second = await resolve()
  t.same([second.packages, second.sourceDateEpoch], [['apt=3.1'], seconds(2)])
})

t.test('other wishes are resolved anew', async t => {
  const { resolve, resolved } = setUp(t)
  await resolve()
  await resolve({ include: ['jq', 'curl'] })
  t.equal(resolved(), 2)
})

t.test('a list that cannot be read is resolved anew', async t => {
  const { resolve, resolved, stateDirectory } = setUp(t)
  const first = await resolve()
  for (const text of ['{"wishes":', 'null', '{"packages":1}']) {
    const [file = ''] = readdirSync(join(stateDirectory, 'mirror')).filter(name => name.endsWith('.json'))
    writeFileSync(join(stateDirectory, 'mirror', file), text)
    t.same(await resolve(), first)
  }
  t.equal(resolved(), 4)
})

t.test('offline builds from what is known, and asks nobody', async t => {
  const { resolve, asked } = setUp(t)
  const first = await resolve()
  t.same(await resolve({ offline: true }), first)
  t.equal(asked(), 1)
})

t.test('offline without knowledge says so', async t => {
  const { resolve, asked } = setUp(t)
  const error = await failureOf(resolve({ offline: true }))
  t.equal(
    formatError(error),
    'error: Cannot build test offline: its package list was never resolved on this store. (run once without --offline)'
  )
  t.equal(error.exitCode, 2)
  t.equal(asked(), 0)
})

t.test("the build host's mirror must not be in the image, unless the image names it itself", async t => {
  const { resolve } = setUp(t)
  t.same((await resolve()).forbidden, [{ name: "the build host's mirror", value: 'mirror.example', mayBePackaged: true }])
  const own = await resolve({ spec: { ...spec, aptSources: ['deb http://mirror.example/debian trixie main'] } })
  t.same(own.forbidden, [])
  const longer = await resolve({ spec: { ...spec, aptSources: ['deb http://own.mirror.example/debian trixie main'] } })
  t.equal(longer.forbidden.length, 1, 'a name that only begins or ends like it is another')
})

t.test('passwords are forbidden in the image, masked in logs, and not kept on disk', async t => {
  const proxies = 'Acquire::http::Proxy\thttp://user:proxy-secret@proxy.example:3128\n'
  const { resolve, stateDirectory, fake, apt } = setUp(t, { proxies })
  const aptFolder = join(t.testdirName, 'apt')
  mkdirSync(aptFolder)
  writeFileSync(join(aptFolder, 'auth.conf'), 'machine mirror.example login me password auth-secret\n')
  const env = { https_proxy: 'http://token-secret@env.example:8080', no_proxy: 'no.example' }
  const found = await resolve({ mirror: 'http://user:mirror%2Dsecret@mirror.example/debian', env, aptFolder })
  t.same(found.forbidden, [
    { name: "the build host's mirror", value: 'mirror.example', mayBePackaged: true },
    { name: "the build host's proxy", value: 'proxy.example:3128', mayBePackaged: true },
    { name: "the build host's proxy", value: 'env.example:8080', mayBePackaged: true },
    { name: "the mirror's password", value: 'mirror%2Dsecret' },
    { name: "the mirror's password", value: 'mirror-secret' },
    { name: "the proxy's password", value: 'proxy-secret' },
    { name: "the proxy's password", value: 'token-secret' },
    { name: "a password of apt's auth.conf", value: 'auth-secret' },
  ])
  t.same(found.aptOptions, [
    'Acquire::http::Proxy "http://user:proxy-secret@proxy.example:3128";',
    `Dir::Etc::netrc "${aptFolder}/auth.conf";`, `Dir::Etc::netrcparts "${aptFolder}/auth.conf.d";`,
  ])
  t.same(found.secrets, ['mirror%2Dsecret', 'mirror-secret', 'proxy-secret', 'token-secret', 'auth-secret'])
  t.match(apt.seen[0]?.sources, 'mirror%2Dsecret', 'apt was told')
  t.notMatch(JSON.stringify(found.sources), /secret/)
  const kept = readdirSync(join(stateDirectory, 'mirror'), { recursive: true, withFileTypes: true }).filter(entry => entry.isFile())
  t.equal(kept.length, 5, 'the default mirror, the list and three indexes')
  for (const { parentPath, name } of kept) t.notMatch(readFileSync(join(parentPath, name), 'utf8'), /secret/, name)
  for (const { line, options } of fake.calls) {
    t.notMatch(line, /secret/, 'every user can read a command line')
    if (line.startsWith('apt-get')) t.same(options.secrets, found.secrets)
  }
})

t.test('what is too short to be told from other words is known before the first stage', async t => {
  const { resolve } = setUp(t, { proxies: 'Acquire::http::Proxy\thttp://me:1234@proxy:80\n' })
  const { forbidden } = await resolve({ mirror: 'http://debian/debian' })
  t.same(forbidden.map(({ value }) => value), ['//debian/', '//proxy/', 'http://me:1234@proxy'])
  t.doesNotThrow(() => needleForms(forbidden))
})

t.test('a proxy on the host itself is no name of the host', async t => {
  const { resolve } = setUp(t, { proxies: 'Acquire::http::Proxy\thttp://localhost\nAcquire::https::Proxy\thttp://127.0.0.1:3142\n' })
  t.same((await resolve()).forbidden.slice(1), [{ name: "the build host's proxy", value: '127.0.0.1:3142', mayBePackaged: true }])
})

t.test('a mmdebstrap that names no sources is an error, and is asked again', async t => {
  const failing = fakeRun([{ on: /^mmdebstrap /, exitCode: 1, stderr: 'E: cannot use unshare mode\n' }])
  const request = { spec, include: [], stateDirectory: t.testdir({}), offline: false, env: {} }
  for (const _ of [1, 2]) {
    const error = await failureOf(resolvePackages(request, failing.run))
    t.equal(
      formatError(error),
      'error: mmdebstrap does not tell its package sources for "trixie". (see its words below; without root it needs newuidmap and lines for this user in /etc/subuid and /etc/subgid)\n  E: cannot use unshare mode'
    )
  }
  t.equal(failing.calls.length, 2)
})
