/** apt: its proxies as it names them, and package sets as it simulates them. */
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { interrupted } from '../../pipeline/errors/tools.js'
import { askAptProxies } from '../../pipeline/tools/apt-config.js'
import { parseSimulation, resolveWithApt, updateLists } from '../../pipeline/tools/apt-resolve.js'
import { keepLists, withApt } from '../../pipeline/tools/apt-root.js'
import type { Run } from '../../pipeline/tools/command.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { findTool } from '../../pipeline/tools/need.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { startIndexServer } from '../fixtures/index-server.js'
import { inRelease, playApt } from '../fixtures/played-apt.js'

const noApt = (await findTool('apt-config', process.env['PATH'] ?? '')) ? false : 'apt is not installed here'

t.test('reads proxies for all hosts and for single ones, and nothing else', async t => {
  const stdout = [
    'Acquire\t', 'Acquire::http\t', 'Acquire::http::Proxy\thttp://user:secret@proxy.example:3128',
    'Acquire::http::Proxy::direct.example\tDIRECT', 'Acquire::https::Proxy\thttp://proxy.example:3128',
    'Acquire::ftp::Proxy\tftp://old.example', 'Acquire::http::Proxy-Auto-Detect\t/usr/bin/detect', 'Acquire::http::Pipeline-Depth\t5', '',
  ].join('\n')
  t.same(await askAptProxies(fakeRun([{ on: /^apt-config dump /, stdout }]).run), {
    options: [
      'Acquire::http::Proxy "http://user:secret@proxy.example:3128";',
      'Acquire::http::Proxy::direct.example "DIRECT";',
      'Acquire::https::Proxy "http://proxy.example:3128";',
    ],
    urls: ['http://user:secret@proxy.example:3128', 'http://proxy.example:3128'],
  })
  t.same(await askAptProxies(fakeRun([{ on: /^apt-config dump /, stdout: 'Acquire::http::Proxy\t\n' }]).run), { options: [], urls: [] })
})

t.test('a real apt gives back what it was configured with', { skip: noApt }, async t => {
  const directory = t.testdir({ 'apt.conf': 'Acquire::http { Proxy "http://proxy.example:8080"; };\n' })
  const real = createRun({ signal: new AbortController().signal, parentEnv: process.env })
  const { options } = await askAptProxies((command, more) => real(command, { ...more, env: { APT_CONFIG: join(directory, 'apt.conf') } }))
  t.ok(options.includes('Acquire::http::Proxy "http://proxy.example:8080";'))
})

t.test('reads installed packages of a simulation, sorted', async t => {
  const stdout = 'Reading package lists...\nInst zlib1g (1:1.3 Debian:13.1/stable [amd64])\nInst base-files [12] (13.8 Debian:13.1/stable [amd64]) []\nConf zlib1g (1:1.3 Debian:13.1/stable [amd64])\n'
  t.same(parseSimulation(stdout), ['base-files=13.8', 'zlib1g=1:1.3'])
  t.same(parseSimulation(''), [])
})

const source = { url: 'http://user:sesame@m.example/debian', suite: 'trixie', component: 'main' }
const indexes = { trixie: inRelease('Sat, 15 Nov 2025 10:00:00 UTC') }

function setUp(t: { testdir(content: Record<string, never>): string }) {
  const directory = t.testdir({})
  const request = { sources: [source], directory, kept: join(directory, 'lists'), secrets: ['sesame'] }
  const apt = playApt(['jq 1.7'])
  for (const [suite, text] of Object.entries(indexes)) apt.indexes.set(suite, text)
  return { directory, request, apt, fake: fakeRun(apt.answers) }
}

t.test('asks and resolves in a root of its own that is not left behind', async t => {
  const { directory, request, apt, fake } = setUp(t)
  let inside: string[] = []
  const found = await withApt(request, async root => {
    await updateLists(root, fake.run)
    inside = readdirSync(directory)
    t.equal(statSync(root.config).mode & 0o777, 0o600)
    t.equal(statSync(join(dirname(root.config), 'sources.list')).mode & 0o777, 0o600)
    return await resolveWithApt(root, ['openssh-server', 'jq'], fake.run)
  })
  t.same(found, ['jq=1.7'])
  t.equal(apt.seen[0]?.sources, 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://user:sesame@m.example/debian trixie main\n')
  t.match(fake.lines()[1], / --simulate --no-install-recommends install '\?essential' '\?priority\(required\)' apt openssh-server jq$/)
  t.same(fake.calls.map(call => call.options.secrets), [['sesame'], ['sesame']])
  t.notMatch(fake.lines().join('\n'), 'sesame')
  t.match(inside, [/^apt-\d+-\w+$/])
  t.same(readdirSync(directory), [])
})

t.test('two at the same time have two roots', async t => {
  const { request } = setUp(t)
  const roots = await Promise.all([1, 2].map(() => withApt(request, async ({ config, lists }) => {
    await sleep(20)
    return [config, existsSync(lists)]
  })))
  t.same(roots.map(([, there]) => there), [true, true])
  t.not(roots[0]?.[0], roots[1]?.[0])
})

t.test('what a killed run left is removed, with its password', async t => {
  const { request, directory } = setUp(t)
  const gone = spawnSync('true').pid
  for (const pid of [gone, process.pid]) mkdirSync(join(directory, `apt-${pid}-abcdef`))
  await withApt(request, async () => {})
  t.same(readdirSync(directory), [`apt-${process.pid}-abcdef`])
})

t.test('lists are kept, and offered to the next root by the same name', async t => {
  const { request, fake } = setUp(t)
  const file = join(request.kept, 'mirror_dists_trixie_InRelease')
  await withApt(request, async root => {
    await updateLists(root, fake.run)
    writeFileSync(join(root.lists, 'lock'), '')
    await keepLists(root)
  })
  const { ino } = statSync(file)
  await withApt(request, async root => {
    t.same(readdirSync(root.lists).sort(), ['mirror_dists_trixie_InRelease', 'partial'])
    t.equal(statSync(join(root.lists, 'mirror_dists_trixie_InRelease')).ino, ino)
    await keepLists(root)
    t.ok(existsSync(join(root.lists, 'partial')), 'unchanged ones stay where they are')
    rmSync(join(root.lists, 'mirror_dists_trixie_InRelease'))
    await updateLists(root, fake.run)
    await keepLists(root)
  })
  t.not(statSync(file).ino, ino)
  t.equal(readFileSync(file, 'utf8'), indexes.trixie)
})

t.test("gives apt's words when a package cannot be had", async t => {
  const { request, directory } = setUp(t)
  const { run } = fakeRun([{ on: / --simulate /, exitCode: 100, stderr: 'E: Unable to locate package no-such\n' }])
  const error = await failureOf(withApt(request, root => resolveWithApt(root, ['no-such'], run)))
  t.equal(
    formatError(error),
    'error: apt cannot resolve the package set of the kickstart. (see %packages of the kickstart)\n  E: Unable to locate package no-such'
  )
  t.equal(error.exitCode, 4)
  t.same(readdirSync(directory), [])
  const ended = fakeRun([{ on: / update /, error: interrupted() }])
  t.equal((await failureOf(withApt(request, root => updateLists(root, ended.run)))).code, 'interrupted')
})

t.test("a real apt keeps this host's default release and hooks out, and its proxies and logins in", { skip: noApt }, async t => {
  const { request, directory } = setUp(t)
  const server = await startIndexServer()
  t.teardown(server.close)
  const proxy = new URL(server.url)
  writeFileSync(join(directory, 'auth.conf'), 'machine http://other.example login me password sesame-2\n', { mode: 0o600 })
  const hook = join(directory, 'hook-ran')
  const host = [
    `Dir::Etc::netrc "${join(directory, 'auth.conf')}";`, `Acquire::http::Proxy "http://${proxy.host}";`, 'APT::Default-Release "bookworm";',
    `APT::Update::Pre-Invoke { "touch ${hook}"; };`, `APT::Update::Post-Invoke { "touch ${hook}"; };`, '',
  ]
  writeFileSync(join(directory, 'host.conf'), host.join('\n'))
  const real = createRun({ signal: new AbortController().signal, parentEnv: process.env })
  const run: Run = (command, more) => real(command, { ...more, env: { APT_CONFIG: join(directory, 'host.conf') } })
  const sources = [{ url: 'http://other.example/debian', suite: 'trixie', component: 'main' }]
  await withApt({ ...request, sources }, async root => {
    t.equal((await failureOf(updateLists(root, run))).code, 'mirror-without-suite')
    t.same(await resolveWithApt(root, [], run).catch((error: Error) => error.message), 'apt cannot resolve the package set of the kickstart.')
    const { stdout } = await run(['apt-config', `--config-file=${root.config}`, 'dump', '--format', '%f=%v%n', 'APT::Default-Release'])
    t.equal(stdout, 'APT::Default-Release=\n')
  })
  const [asked] = server.requests
  t.match(asked?.path, /^http:\/\/other\.example\/debian\/dists\/trixie\/InRelease$/, 'the proxy was asked')
  t.equal(asked?.headers.authorization, `Basic ${Buffer.from('me:sesame-2').toString('base64')}`)
  t.notOk(existsSync(hook), 'no hook of the host ran')
})
