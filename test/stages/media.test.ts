/** media: its command lines, its key, and what it does when the bootstrap fails or gives something else. */
import t from 'tap'
import { mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { interrupted, toolFailed } from '../../pipeline/errors/tools.js'
import { applyDefaults } from '../../pipeline/spec/defaults.js'
import { bootstrapCommand, media, mediaInputs, packCommand } from '../../pipeline/stages/media.js'
import { ownMounts } from '../../pipeline/tools/own-mounts.js'
import type { MediaInput } from '../../pipeline/stages/media.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { fakeContext } from '../fixtures/stage-context.js'
import type { FakePipe } from '../fixtures/stage-context.js'

const spec = applyDefaults(
  { title: 'Test', version: '0.1.0', family: 'debian', release: 'trixie' },
  { name: 'test', knownTargets: ['kvm'] }
)
const packages = {
  packages: ['apt=3.0', 'jq=1.7'],
  sourceDateEpoch: 1763200000,
  aptOptions: ['Acquire::http::Proxy "http://user:secret@proxy.example:3128";'],
  secrets: ['secret'],
  mirror: [{ url: 'http://user:secret@m.example/debian', suite: 'trixie', component: 'main' }],
  imageSources: ['deb http://own.example/debian trixie main'],
  sources: [],
  forbidden: [],
}
const hooks = fileURLToPath(new URL('../../templates/media/', import.meta.url))
const input: MediaInput = { spec, packages, include: ['jq', 'openssh-server'], exclude: [], hooks: '/hooks' }

/** Whether this user may mount: then the bootstrap runs behind mounts of its own. */
const isolated = (await ownMounts()).length > 0

t.test('bootstraps with exactly this command', async t => {
  t.same(bootstrapCommand(input, '/m'), [
    'mmdebstrap',
    '--variant=minbase',
    '--architectures=amd64',
    '--format=tar',
    '--aptopt=APT::Install-Recommends "false"',
    '--aptopt=Acquire::Languages "none"',
    '--aptopt=/m/apt.conf',
    '--include=jq,openssh-server',
    '--essential-hook=/hooks/essential-hook',
    '--customize-hook=/hooks/customize-hook',
    'trixie',
    '-',
    '/m/mirror.list',
  ])
  t.same(packCommand('/m/root.squashfs'), ['tar2sqfs', '--quiet', '--force', '--compressor', 'lz4', '/m/root.squashfs'])
})

t.test("the hook takes out what mmdebstrap was told of the host's apt", async t => {
  t.match(readFileSync(join(hooks, 'customize-hook'), 'utf8'), '"$1"/etc/apt/apt.conf.d/99mmdebstrap')
})

t.test('its key holds the packages and tools, and neither mirror nor proxy', async t => {
  const tools = { packer: '1', qemu: '2', 'qemu-img': '3', mmdebstrap: '4', tar2sqfs: '5', e2fsprogs: '6', zstd: '7' }
  const inputs = mediaInputs({ spec, packages, include: ['jq'], hooks: { 'start-install': '644 abc' }, tools })
  t.same(inputs, {
    release: 'trixie',
    wishes: ['jq'],
    packages: ['apt=3.0', 'jq=1.7'],
    sourceDateEpoch: 1763200000,
    imageSources: ['deb http://own.example/debian trixie main'],
    hooks: { 'start-install': '644 abc' },
    tools: { mmdebstrap: '4', tar2sqfs: '5' },
  })
})

/** A bootstrap whose root holds `found`; rdsquashfs is played by what dd would have written. */
function played(found: string, bootstrap: Partial<FakePipe> = {}): FakePipe[] {
  return [
    {
      on: /^(unshare --mount -- )?mmdebstrap /,
      effect: (_, to) => writeFileSync(to.command.at(-1) ?? '', 'squashfs'),
      ...bootstrap,
    },
    {
      on: /^rdsquashfs -c /,
      effect: (from, to) => {
        const path = from.command[2] ?? ''
        const file = (to.command.at(-1) ?? '').replace(/^of=/, '')
        writeFileSync(file, path.endsWith('packages.txt') ? found : `content of ${path}`)
      },
    },
  ]
}

const listing = 'config-6.12.1-amd64\ninitrd.img-6.12.1-amd64\nvmlinuz-6.12.1-amd64\n'

function setUp(t: { testdir(content: Record<string, Record<string, never>>): string }, found: string, bootstrap: Partial<FakePipe> = {}) {
  const base = t.testdir({ out: {}, logs: {} })
  const directory = join(base, 'out')
  const { run } = fakeRun([{ on: /^rdsquashfs -l \/boot /, stdout: listing }])
  const context = fakeContext(run, join(base, 'logs'), played(found, bootstrap))
  const fill = (more: Partial<MediaInput> = {}) => media({ ...input, hooks, ...more }, context, directory)
  return { directory, context, fill, log: join(base, 'logs', 'media.log') }
}

t.test('gives kernel, initrd and root, and leaves nothing of its own work', async t => {
  const { directory, context, fill, log } = setUp(t, 'jq=1.7\napt=3.0\n')
  const files: Record<string, string> = {}
  const pipe = context.pipes
  const result = await fill()
  t.same(result, {
    root: join(directory, 'root.squashfs'), kernel: join(directory, 'vmlinuz'), initrd: join(directory, 'initrd.img'),
  })
  t.same(readdirSync(directory).sort(), ['initrd.img', 'packages.txt', 'root.squashfs', 'vmlinuz'])
  t.equal(readFileSync(result.kernel, 'utf8'), 'content of /boot/vmlinuz-6.12.1-amd64')
  t.equal(readFileSync(result.initrd, 'utf8'), 'content of /boot/initrd.img-6.12.1-amd64')
  t.same(pipe[0]?.from.options, {
    env: { SOURCE_DATE_EPOCH: '1763200000', PIPELINE_MEDIA: directory, ...(isolated ? { TMPDIR: directory } : {}) }, logFile: log, secrets: ['secret'], reason: 'bootstrap Debian',
  })
  t.same(context.said, ['bootstrapping 2 packages'])

  const again = setUp(t, 'jq=1.7\napt=3.0\n', {
    effect: from => {
      const folder = from.options?.env?.['PIPELINE_MEDIA'] ?? ''
      for (const name of ['sources.list', 'mirror.list', 'apt.conf']) {
        const path = join(folder, name)
        files[`${name} ${(statSync(path).mode & 0o777).toString(8)}`] = readFileSync(path, 'utf8')
      }
      t.match(readFileSync(join(folder, 'start-install'), 'utf8'), /^#!/)
    },
  })
  await again.fill()
  t.same(files, {
    'sources.list 644': 'deb http://own.example/debian trixie main\n',
    'mirror.list 600': 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://user:secret@m.example/debian trixie main\n',
    'apt.conf 600': 'Acquire::http::Proxy "http://user:secret@proxy.example:3128";\n',
  }, "the hook finds the image's own sources, and what holds passwords is for this user only")
})

t.test('a mirror that changed meanwhile is told apart, with what differs', async t => {
  const { directory, fill } = setUp(t, 'apt=3.1\njq=1.7\nnew=1\n')
  const error = await failureOf(fill())
  t.equal(
    formatError(error),
    'error: The mirror changed while the media was bootstrapped: it is not what was planned. (run the same command again)\n' +
      '  not planned: apt=3.1\n  not planned: new=1\n  missing: apt=3.0'
  )
  t.equal(error.exitCode, 4)
  t.same(readdirSync(directory), [])
})

t.test('an excluded package that another one needs is an error of the kickstart', async t => {
  const { directory, fill } = setUp(t, 'apt=3.0\njq=1.7\n')
  const error = await failureOf(fill({ exclude: ['jq', 'nano'] }))
  t.equal(
    formatError(error),
    'error: %packages excludes jq, but another package of it needs that. (take the exclusion or the package that needs it out of %packages)'
  )
  t.equal(error.exitCode, 2)
  t.same(readdirSync(directory), [])
})

t.test('a bootstrap that fails gives its last lines and its log, and leaves nothing', async t => {
  const lastLines = ['E: Failed to fetch http://m.example/jq.deb', 'E: mmdebstrap failed to run']
  const error = toolFailed({ file: 'mmdebstrap', command: 'mmdebstrap', lastLines }, 25)
  const { directory, fill, log } = setUp(t, '', { error })
  mkdirSync(join(directory, 'half'))
  const failure = await failureOf(fill())
  t.equal(
    formatError(failure).split('\n')[0],
    `error: mmdebstrap could not bootstrap the media. (log: ${log}; when the mirror broke off, run the same command again or name another mirror with --mirror URL)`
  )
  for (const line of lastLines) t.ok(failure.details.some(detail => detail.includes(line)), line)
  t.equal(failure.code, 'bootstrap-failed')
  t.equal(failure.exitCode, 4)
  t.equal(failure.cause, error)
  t.same(readdirSync(directory), [])
})

t.test('an interruption stays one', async t => {
  const { directory, fill } = setUp(t, '', { error: interrupted() })
  t.equal((await failureOf(fill())).code, 'interrupted')
  t.same(readdirSync(directory), [])
})
