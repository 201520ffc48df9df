/** xen-host: bootstrapped into the store once; a mirror that is away does not keep a stored host from being used. */
import t from 'tap'
import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { mirrorUnreachable } from '../../pipeline/errors/media.js'
import { openStore } from '../../pipeline/run/store.js'
import { xenHostOf } from '../../pipeline/run/xen-host.js'
import type { Command, RunOptions } from '../../pipeline/tools/command.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { inRelease, playApt } from '../fixtures/played-apt.js'
import { fakeContext } from '../fixtures/stage-context.js'
import { mirrorUrl } from '../fixtures/main-run.js'
import type { FakePipe } from '../fixtures/stage-context.js'

const templates = fileURLToPath(new URL('../../templates/', import.meta.url))

/** rdsquashfs is played by what dd would have written. */
const pipes: readonly FakePipe[] = [
  { on: /^sqfs2tar / },
  { on: /^(unshare --mount -- )?mmdebstrap /, effect: (_, to) => writeFileSync(to.command.at(-1) ?? '', 'squashfs') },
  {
    on: /^rdsquashfs -c /,
    effect: (from, to) => {
      const path = from.command[2] ?? ''
      const content = path.endsWith('packages.txt') ? 'xen=4.17\n' : path.endsWith('.gz') ? gzipSync('xen') : path
      writeFileSync((to.command.at(-1) ?? '').replace(/^of=/, ''), content)
    },
  },
]

function setUp(t: { teardown(done: () => void): unknown; testdir(content: Record<string, never>): string }) {
  const apt = playApt(['xen 4.17'])
  for (const suite of ['bookworm', 'bookworm-updates', 'bookworm-security']) apt.indexes.set(suite, inRelease('Sat, 15 Nov 2025 10:00:00 UTC', suite))
  const mirror = { away: false, asked: 0 }
  const [update, ...others] = apt.answers
  const answers = [
    {
      on: update?.on ?? /none/,
      effect: (command: Command, options: RunOptions) => {
        mirror.asked += 1
        if (mirror.away) throw mirrorUnreachable(mirrorUrl, 'HTTP 500')
        return update?.effect?.(command, options)
      },
    },
    ...others,
  ]
  const { run } = fakeRun([
    { on: /^mmdebstrap --variant=custom /, exitCode: 25, stderr: 'deb http://default.example/debian bookworm main\n' },
    { on: /^apt-config dump / },
    ...answers,
    { on: /(version|-V)$/, stdout: 'version 1.2.3\n' },
    { on: /^rdsquashfs -l /, stdout: 'initrd.img-6.1\nvmlinuz-6.1\nxen-4.17-amd64.gz\n' },
  ])
  const state = t.testdir({})
  const logs = join(state, 'logs')
  mkdirSync(logs)
  const store = openStore(join(state, 'store'), line => t.teardown(() => { throw new Error(line) }))
  const places = { store, templates, state, mirror: mirrorUrl, offline: false, env: {} }
  const context = () => fakeContext(run, logs, pipes)
  return { mirror, places, context }
}

t.test('is bootstrapped once, whoever asks, and found in the store by the next command', async t => {
  const { mirror, places, context } = setUp(t)
  const xenHost = xenHostOf(places)
  const first = context()
  const [host, same] = await Promise.all([xenHost(first), xenHost(context())])
  t.equal(host, same)
  t.same(readdirSync(host.directory).sort(), ['emulator', 'initrd.img', 'packages.txt', 'root.squashfs', 'stage.json', 'vmlinuz', 'xen'])
  t.equal(host.program, join(templates, 'xen-host/start-guest'))
  t.equal(host.emulator, join(templates, 'xen-host/emulator'))
  t.equal(mirror.asked, 1)
  const later = context()
  t.same(await xenHostOf(places)(later), host)
  t.same(later.pipes, [])
})

t.test('without the mirror the stored host is taken, and said so', async t => {
  const { mirror, places, context } = setUp(t)
  const host = await xenHostOf(places)(context())
  mirror.away = true
  const later = context()
  t.same(await xenHostOf(places)(later), host)
  t.same(later.pipes, [])
  t.same(later.said, [
    `The Debian mirror does not answer: ${mirrorUrl}: HTTP 500. Taking the Xen host of before.`,
  ])
})

t.test('without the mirror and without a stored host, the mirror is the error', async t => {
  const { mirror, places, context } = setUp(t)
  mirror.away = true
  t.equal((await failureOf(xenHostOf(places)(context()))).code, 'mirror-unreachable')
})
