/** apt: its proxies as it names them, and package sets as it simulates them. */
import t from 'tap'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { interrupted } from '../../pipeline/errors/tools.js'
import { askAptProxies } from '../../pipeline/tools/apt-config.js'
import { parseSimulation, resolveWithApt } from '../../pipeline/tools/apt-resolve.js'
import { createRun } from '../../pipeline/tools/exec.js'
import { findTool } from '../../pipeline/tools/need.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'

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

const noApt = (await findTool('apt-config', process.env['PATH'] ?? '')) ? false : 'apt is not installed here'

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

const source = { url: 'http://user:secret@m.example/debian', suite: 'trixie', component: 'main' }

t.test("resolves in a root of its own that is not left behind", async t => {
  const directory = join(t.testdir({}), 'apt')
  let list = ''
  const { run, calls } = fakeRun([
    { on: / update /, effect: () => void (list = readFileSync(join(directory, 'sources.list'), 'utf8')) },
    { on: / --simulate /, stdout: 'Inst apt (3.0 Debian:13/stable [amd64])\n' },
  ])
  t.same(await resolveWithApt({ sources: [source], include: ['openssh-server', 'jq'], directory, secrets: ['secret'] }, run), ['apt=3.0'])
  t.equal(list, 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://user:secret@m.example/debian trixie main\n')
  t.match(calls[0]?.line, / -o APT::Sandbox::User= /)
  t.match(calls[1]?.line, / --simulate --no-install-recommends install '\?essential' '\?priority\(required\)' apt openssh-server jq$/)
  t.same(calls.map(call => call.options.secrets), [['secret'], ['secret']])
  t.notOk(existsSync(directory))
})

t.test("gives apt's words when a package cannot be had", async t => {
  const directory = join(t.testdir({}), 'apt')
  const { run } = fakeRun([
    { on: / update /, stdout: '' },
    { on: / --simulate /, exitCode: 100, stderr: 'E: Unable to locate package no-such\n' },
  ])
  const error = await failureOf(resolveWithApt({ sources: [source], include: ['no-such'], directory, secrets: [] }, run))
  t.equal(
    formatError(error),
    'error: apt cannot resolve the package set of the kickstart. (see %packages of the kickstart)\n  E: Unable to locate package no-such'
  )
  t.equal(error.exitCode, 4)
  t.notOk(existsSync(directory))
  const ended = fakeRun([{ on: / update /, error: interrupted() }])
  t.equal((await failureOf(resolveWithApt({ sources: [source], include: [], directory, secrets: [] }, ended.run))).code, 'interrupted')
})
