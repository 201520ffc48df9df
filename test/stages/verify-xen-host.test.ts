/** verify-xen-host: what the Xen host is bootstrapped from, and the hypervisor that is taken out of it. */
import t from 'tap'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { buildXenHost, xenHostInputs, xenHostPackages } from '../../pipeline/stages/verify-xen-host.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { fakeContext } from '../fixtures/stage-context.js'
import type { FakePipe } from '../fixtures/stage-context.js'

const hooks = fileURLToPath(new URL('../../templates/media/', import.meta.url))
const packages = {
  packages: ['xen-system-amd64=4.17'],
  sourceDateEpoch: 1763200000,
  aptOptions: [],
  secrets: [],
  mirror: [{ url: 'http://m.example/debian', suite: 'bookworm', component: 'main' }],
  imageSources: ['deb http://own.example/debian bookworm main'],
  sources: [],
  forbidden: [],
}

/** rdsquashfs is played by what dd would have written. */
const pipes: readonly FakePipe[] = [
  { on: /^sqfs2tar \S+\/root\.squashfs \| bsdtar /, effect: (_, { command }) => writeFileSync(join(command[command.indexOf('-C') + 1] ?? '', 'unpacked'), '') },
  { on: /^(unshare --mount -- )?mmdebstrap /, effect: (_, to) => writeFileSync(to.command.at(-1) ?? '', 'squashfs') },
  {
    on: /^rdsquashfs -c /,
    effect: (from, to) => {
      const path = from.command[2] ?? ''
      const file = (to.command.at(-1) ?? '').replace(/^of=/, '')
      const special = { '/usr/lib/pipeline/packages.txt': 'xen-system-amd64=4.17\n', '/boot/xen-4.17-amd64.gz': gzipSync('the hypervisor') }
      writeFileSync(file, special[path as keyof typeof special] ?? path)
    },
  },
]

function setUp(t: { testdir(content: Record<string, Record<string, never>>): string }, boot: string) {
  const base = t.testdir({ out: {}, logs: {} })
  const directory = join(base, 'out')
  const { run } = fakeRun([{ on: /^rdsquashfs -l \/boot /, stdout: boot }, { on: /^rdsquashfs -l \/boot /, stdout: boot }])
  const context = fakeContext(run, join(base, 'logs'), pipes)
  return { directory, context, build: () => buildXenHost({ packages, hooks }, context, directory) }
}

const boot = 'initrd.img-6.1.0-amd64\nvmlinuz-6.1.0-amd64\nxen-4.17-amd64.config\nxen-4.17-amd64.efi\nxen-4.17-amd64.gz\n'

t.test('holds all that QEMU boots, the hypervisor unpacked', async t => {
  const { directory, context, build } = setUp(t, boot)
  await build()
  t.same(readdirSync(directory).sort(), ['emulator', 'initrd.img', 'packages.txt', 'root.squashfs', 'vmlinuz', 'xen'])
  t.equal(readFileSync(join(directory, 'xen'), 'utf8'), 'the hypervisor')
  t.same(readdirSync(join(directory, 'emulator')), ['unpacked'], 'its own QEMU')
  t.match(context.pipes.at(-1)?.line, / --include usr\/bin\/qemu-system-x86_64 --include 'usr\/lib\/x86_64-linux-gnu\/\*' /)
  const bootstrap = context.pipes[0]?.line ?? ''
  t.match(bootstrap, `--include=${xenHostPackages.join(',')} `)
  t.match(bootstrap, / bookworm - \S+\/out\/mirror\.list \| tar2sqfs /)
})

t.test('says that the packages brought no hypervisor', async t => {
  const { build } = setUp(t, boot.replace('xen-4.17-amd64.gz\n', ''))
  const error = await failureOf(build())
  t.equal(
    formatError(error),
    'error: The Xen host was bootstrapped, but its /boot holds no hypervisor. (look at the package xen-system-amd64 of the mirror: it must depend on xen-hypervisor-<version>-amd64)'
  )
  t.equal(error.exitCode, 4)
})

t.test('its key holds packages and tools, and not what it is told to do later', async t => {
  t.same(xenHostInputs({ packages, hooks: { 'start-install': '755 abc' }, tools: { mmdebstrap: '1', tar2sqfs: '2' } }), {
    media: {
      release: 'bookworm',
      wishes: [...xenHostPackages],
      packages: ['xen-system-amd64=4.17'],
      sourceDateEpoch: 1763200000,
      imageSources: ['deb http://own.example/debian bookworm main'],
      hooks: { 'start-install': '755 abc' },
      tools: { mmdebstrap: '1', tar2sqfs: '2' },
    },
    emulatorFiles: [
      'usr/bin/qemu-system-x86_64', 'usr/lib/x86_64-linux-gnu/*', 'usr/share/qemu/*', 'usr/share/seabios/*', 'usr/lib/ipxe/qemu/*',
    ],
  })
})
