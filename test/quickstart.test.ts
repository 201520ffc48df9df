/** ci/quickstart: what it asks of a machine, what it installs, and what it leaves alone. Its programs are stubs. */
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
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
const shellTools = ['bash', 'sh', 'env', 'awk', 'sed', 'sort', 'tr', 'find', 'dirname', 'touch', 'rm', 'mkdir', 'mktemp', 'id', 'cat', 'cp', 'mv', 'chmod']

/** A checkout with a copy of the script, and a PATH on which everything else notes how it was called. */
function machine(directory: string, { node, missing = [], osRelease = bookworm }: Machine) {
  const [root, bin] = [join(directory, 'checkout'), join(directory, 'bin')]
  for (const file of ['ci/quickstart', 'pipeline/tools/programs.json', 'package.json', 'package-lock.json', 'tsconfig.json']) {
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

/** In a mount namespace where /etc/os-release is another; that needs root, as the installation does. */
function quickstart({ root, bin, release }: ReturnType<typeof machine>, args: readonly string[]) {
  const script = 'mount --bind "$1" "$(readlink -f /etc/os-release)" && shift && exec /usr/bin/env -i PATH="$1" HOME=/root bash "$2" "${@:3}"'
  const command = ['--mount', 'bash', '-c', script, 'bash', release, bin, join(root, 'ci/quickstart'), ...args]
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
  t.match(stderr, /^quickstart: installing Debian packages: mtools packer \n/)
  t.same(bare.calls().filter(call => call.startsWith('apt-get')), [
    'apt-get update -q', 'apt-get install -q -y --no-install-recommends mtools packer',
  ])
  t.equal(bare.calls().at(-1), `node ${join(bare.root, 'dist/cli.js')} build --target kvm`, 'then it builds, with the arguments given')
})

t.test('where all is there it installs and compiles nothing', async t => {
  const whole = machine(t.testdir({}), { node: '22.1.0' })
  const later = new Date(Date.now() + 60_000)
  for (const file of ['node_modules/.package-lock.json', 'dist/cli.js']) {
    mkdirSync(join(whole.root, file, '..'), { recursive: true })
    writeFileSync(join(whole.root, file), '')
    utimesSync(join(whole.root, file), later, later)
  }
  const { status, stderr } = quickstart(whole, ['build'])
  t.same([status, stderr], [0, ''])
  t.notOk(whole.calls().some(call => /^(apt-get|npm)/.test(call)))
})

t.test('an unknown word is refused with what is known', async t => {
  const whole = machine(t.testdir({}), { node: '20.0.0' })
  t.same(quickstart(whole, ['biuld']), {
    status: 2, stdout: '', stderr: 'error: usage: ci/quickstart build [arguments of pipeline build] | ci/quickstart test [--full]\n',
  })
})
