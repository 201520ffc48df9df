/** ci/quickstart: what it asks of a machine, what it installs, and what it leaves alone. Its programs are stubs. */
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const repository = fileURLToPath(new URL('..', import.meta.url))

interface Machine {
  /** What `node -p process.versions.node` prints; absent: there is no node. */
  readonly node?: string
  /** Programs of the pipeline that are missing. */
  readonly missing?: readonly string[]
  /** @default bookworm */
  readonly osRelease?: string
}

const bookworm = 'ID=debian\nVERSION_CODENAME=bookworm\n'
/** What the script itself is written with. */
const shellTools = ['bash', 'sh', 'env', 'awk', 'sed', 'sort', 'tr', 'find', 'dirname', 'touch', 'rm', 'mkdir', 'mktemp', 'id', 'cat', 'cp', 'mv', 'chmod', 'tail']

/** A checkout with a copy of the script, and a PATH on which everything else notes how it was called. */
function machine(directory: string, { node, missing = [], osRelease = bookworm }: Machine) {
  const [root, bin] = [join(directory, 'checkout'), join(directory, 'bin')]
  for (const file of ['ci/quickstart', 'ci/nightly', 'ci/bench', 'pipeline/tools/programs.json', 'package.json', 'package-lock.json', 'tsconfig.json']) {
    cpSync(join(repository, file), join(root, file))
  }
  const calls = join(directory, 'calls')
  writeFileSync(calls, '')
  writeFileSync(join(directory, 'os-release'), osRelease)
  mkdirSync(bin)
  const found = spawnSync('sh', ['-c', shellTools.map(name => `command -v ${name}`).join(';')], { encoding: 'utf8' })
  for (const path of found.stdout.trim().split('\n')) symlinkSync(path, join(bin, path.split('/').at(-1) ?? ''))
  const stub = (name: string, body: string) => {
    writeFileSync(join(bin, name), `#!/bin/sh\necho "${name} $*" >>'${calls}'\n${body}\n`)
    chmodSync(join(bin, name), 0o755)
  }
  const programs = Object.keys(JSON.parse(readFileSync(join(root, 'pipeline/tools/programs.json'), 'utf8')) as object)
  for (const name of programs.filter(name => !name.startsWith('/') && !missing.includes(name) && !shellTools.includes(name))) {
    stub(name, "echo 'QEMU emulator version 10.0.2'")
  }
  stub('apt-get', ':')
  stub('npm', 'mkdir -p node_modules dist')
  if (node !== undefined) stub('node', `case "$1" in -p) echo ${node} ;; -e) exec '${process.execPath}' "$@" ;; esac`)
  return { root, bin, calls: () => readFileSync(calls, 'utf8').split('\n').filter(Boolean), release: join(directory, 'os-release') }
}

function quickstart(on: ReturnType<typeof machine>, args: readonly string[]) {
  return runOn(on, 'ci/quickstart', args)
}

/** In a mount namespace where /etc/os-release is another; that needs root, as the installation does. */
function runOn({ root, bin, release }: ReturnType<typeof machine>, program: string, args: readonly string[]) {
  const script = 'mount --bind "$1" "$(readlink -f /etc/os-release)" && shift && exec /usr/bin/env -i PATH="$1" HOME=/root bash "$2" "${@:3}"'
  const command = ['--mount', 'bash', '-c', script, 'bash', release, bin, join(root, program), ...args]
  const { status, stdout, stderr } = spawnSync('unshare', command, { encoding: 'utf8' })
  return { status, stdout, stderr }
}

t.test('without Node.js, or with one that is too old, it stops before it touches anything', async t => {
  const none = machine(t.testdir({}), {})
  t.same(quickstart(none, ['build']), {
    status: 3, stdout: '', stderr: 'error: Could not find "node", needed to run the pipeline. (Install Node.js 20 or newer.)\n',
  })
  t.same(none.calls(), [])
})

t.test('an older Node.js is named with its version', async t => {
  const old = machine(t.testdir({}), { node: '18.19.0' })
  t.same(quickstart(old, ['build']), {
    status: 3, stdout: '', stderr: 'error: Node.js is 18.19.0 here; the pipeline needs 20 or newer. (Install a newer Node.js.)\n',
  })
  t.same(old.calls(), ['node -p process.versions.node'])
})

t.test('on another distribution it names what is missing, with its package, and installs nothing', async t => {
  const trixie = machine(t.testdir({}), { node: '20.0.0', missing: ['packer', 'mdir'], osRelease: 'ID=debian\nVERSION_CODENAME=trixie\n' })
  const { status, stdout, stderr } = quickstart(trixie, ['build'])
  t.same([status, stdout], [3, ''])
  t.equal(stderr, [
    'error: These programs are missing, and only on Debian 12 are they installed by this script:',
    '  packer (package packer in Debian 12)',
    '  mdir (package mtools in Debian 12)',
    '',
  ].join('\n'))
  t.notOk(trixie.calls().some(call => /^(apt-get|npm)/.test(call)))
})

t.test('on Debian 12 it says what it installs and installs only that', async t => {
  const bare = machine(t.testdir({}), { node: '20.0.0', missing: ['packer', 'mdir'] })
  const { stderr } = quickstart(bare, ['build', '--target', 'kvm'])
  t.match(stderr, /^quickstart: installing Debian packages: mtools packer\n/)
  t.same(bare.calls().filter(call => call.startsWith('apt-get')), [
    'apt-get update -q', 'apt-get install -q -y --no-install-recommends mtools packer',
  ])
  t.equal(bare.calls().at(-1), `node ${join(bare.root, 'dist/cli.js')} build --target kvm`, 'then it builds, with the arguments given')
})

t.test('where all is there it installs and compiles nothing', async t => {
  const whole = machine(t.testdir({}), { node: '22.1.0' })
  const later = new Date(Date.now() + 60_000)
  for (const file of ['node_modules/.package-lock.json', 'dist/.compiled']) {
    mkdirSync(join(whole.root, file, '..'), { recursive: true })
    writeFileSync(join(whole.root, file), '')
    utimesSync(join(whole.root, file), later, later)
  }
  const { status, stderr } = quickstart(whole, ['build'])
  t.same([status, stderr], [0, ''])
  t.notOk(whole.calls().some(call => /^(apt-get|npm)/.test(call)))
})

t.test('what cannot be installed or compiled is said, and ends a night with a code that is documented', async t => {
  const table = {
    'apt-get': [100, (_root: string) => "Could not install the Debian packages mtools. (See the words above; mend that and run this again.)"],
    npm: [1, (root: string) => `Could not install the libraries: npm ci failed in ${root}. (See the words above; mend that and run this again.)`],
    'npm run': [2, (root: string) => `Could not compile ${root}. (See the words above; mend that and run this again.)`],
  } as const
  for (const [name, [code, message]] of Object.entries(table)) {
    const on = machine(t.testdir({}), { node: '20.0.0', missing: ['mdir'] })
    const [file = '', word = ''] = name.split(' ')
    writeFileSync(join(on.bin, file), `#!/bin/sh\ncase "$*" in "${word}"*) mkdir -p dist && touch dist/cli.js; exit ${code} ;; esac\nmkdir -p node_modules dist\n`)
    const { status, stdout, stderr } = runOn(on, 'ci/nightly', ['--to', 's3://bucket/images'])
    t.same([status, stdout], [3, ''], name)
    t.same(stderr.trim().split('\n').slice(-2), [`error: ${message(on.root)}`, 'nightly: preparing this host ended with exit code 3; nothing was published'])
    t.notOk(on.calls().some(call => call.includes('dist/cli.js')), 'nothing was built')
  }
})

t.test('what a compile that was killed has left is not taken for whole', async t => {
  const on = machine(t.testdir({}), { node: '20.0.0' })
  mkdirSync(join(on.root, 'dist'))
  writeFileSync(join(on.root, 'dist/cli.js'), '')
  t.match(quickstart(on, ['build']).stderr, 'quickstart: compiling\n')
  t.equal(quickstart(on, ['build']).stderr, '', 'and once is enough')
})

t.test('Ctrl-C is no fault of the host', async t => {
  const on = machine(t.testdir({}), { node: '20.0.0' })
  writeFileSync(join(on.bin, 'npm'), '#!/bin/sh\nexit 130\n')
  t.match(quickstart(on, ['build']), { status: 130, stderr: /^quickstart: installing libraries \(npm ci\)\n$/ })
})

const usage = 'error: usage: ci/quickstart build [arguments of pipeline build] | ci/quickstart test [--full] | ci/quickstart prepare [targets] [iso] [releases]\n'

t.test('an unknown word is refused with what is known', async t => {
  const whole = machine(t.testdir({}), { node: '20.0.0' })
  t.same(quickstart(whole, ['biuld']), {
    status: 2, stdout: '', stderr: usage,
  })
  t.same(quickstart(whole, ['prepare', 'nothing']), { status: 2, stdout: '', stderr: usage }, 'so is a kind of programs')
})

/** Programs of the list that are wanted for one of these only, each with its package; without those that this host itself has for root. */
function programsFor(...kinds: readonly string[]): readonly (readonly [program: string, from: string])[] {
  const list = JSON.parse(readFileSync(join(repository, 'pipeline/tools/programs.json'), 'utf8')) as Record<string, { package: string; for?: string }>
  return Object.entries(list).flatMap(([name, { package: from, for: kind }]) => (kinds.includes(kind ?? '') && !name.startsWith('/') && !existsSync(join('/usr/sbin', name)) ? [[name, from] as const] : []))
}

/** What apt was told to install. */
const installed = ({ calls }: ReturnType<typeof machine>) =>
  calls().flatMap(call => /^apt-get install -q -y --no-install-recommends (.*)/.exec(call)?.[1]?.split(' ') ?? [])

t.test('a night on a fresh machine installs what checks, signs and publishes all targets, before it builds', async t => {
  const wanted = programsFor('targets', 'releases')
  t.ok(wanted.length > 10)
  const fresh = machine(t.testdir({}), { node: '20.0.0', missing: wanted.map(([name]) => name) })
  const { status, stderr } = runOn(fresh, 'ci/nightly', ['--to', 's3://bucket/images'])
  t.equal(status, 0, stderr)
  t.same(wanted.filter(([, from]) => !installed(fresh).includes(from)), [])
  const calls = fresh.calls().map(call => call.replace(`node ${join(fresh.root, 'dist/cli.js')} `, 'pipeline '))
  t.ok(calls.findIndex(call => call.startsWith('apt-get install')) < calls.findIndex(call => call.startsWith('pipeline build ciab --target all')))
})

t.test('a night of kvm alone needs no validators of other targets', async t => {
  const [validators, signers] = [programsFor('targets'), programsFor('releases')]
  const fresh = machine(t.testdir({}), { node: '20.0.0', missing: [...validators, ...signers].map(([name]) => name) })
  t.equal(runOn(fresh, 'ci/nightly', ['--to', 's3://bucket/images', '--target', 'kvm']).status, 0)
  t.same(installed(fresh), [...new Set(signers.map(([, from]) => from))].sort())
})

t.test('a benchmark on a fresh machine installs what it measures: all targets, and releases', async t => {
  const wanted = programsFor('targets', 'releases')
  const fresh = machine(t.testdir({}), { node: '20.0.0', missing: wanted.map(([name]) => name) })
  // The benchmark itself is not there.
  runOn(fresh, 'ci/bench', ['--quick'])
  t.same(wanted.filter(([, from]) => !installed(fresh).includes(from)), [])
})

t.test('prepare installs and compiles, and runs nothing', async t => {
  const bare = machine(t.testdir({}), { node: '20.0.0', missing: ['packer', 'xorriso', 'gpg'] })
  t.match(quickstart(bare, ['prepare', 'releases']), { status: 0, stdout: '' })
  t.same(installed(bare), ['gpg', 'packer'])
  t.ok(bare.calls().some(call => call.startsWith('npm run')))
  t.notOk(bare.calls().some(call => /^node .*dist\/cli\.js (?!doctor)/.test(call)))
})
