/** ci/cache: what it carries from one machine to the next, for real, and that a night goes on without it. */
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, closeSync, cpSync, existsSync, mkdirSync, openSync, readFileSync, readdirSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { repository } from './fixtures/main-run.js'

const mib = 1024 * 1024
const pack = '.pipeline/night.tar.zst'

/** A checkout with the program and these files in it. */
function machine(directory: string, files: Readonly<Record<string, string>> = {}) {
  const at = (path: string) => join(directory, path)
  const write = (path: string, text: string) => {
    mkdirSync(dirname(at(path)), { recursive: true })
    writeFileSync(at(path), text)
  }
  mkdirSync(at('ci'), { recursive: true })
  cpSync(join(repository, 'ci/cache'), at('ci/cache'))
  for (const [path, text] of Object.entries(files)) write(path, text)
  const run = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(at('ci/cache'), args, { cwd: directory, encoding: 'utf8' })
    return { status, stdout, stderr }
  }
  return { at, write, run }
}

/** As a stage leaves it: three blocks of data in a disk that is mostly a hole. */
function writeDisk(path: string): void {
  mkdirSync(dirname(path), { recursive: true })
  const disk = openSync(path, 'w')
  for (const place of [0, 100 * mib, 200 * mib]) writeSync(disk, randomBytes(256 * 1024), 0, 256 * 1024, place)
  closeSync(disk)
  truncateSync(path, 256 * mib)
}

const sha256 = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
const night = {
  '.pipeline/mirror/ciab-0.json': 'date', '.pipeline/publish/seen.json': 'serials', '.pipeline/publish/a.jsonl': 'journal', '.pipeline/chunks/a.2.chunks': 'index',
  '.pipeline/store/media-0/stage.json': 'record', 'artifacts/ciab-1/manifest.json': '{}', 'artifacts/ciab-1/kvm/run-evc.sh': '#!/bin/sh\n',
}
const useless = {
  '.pipeline/mirror/apt-1-a/sources.list': 'password', '.pipeline/mirror/host-pkgcache.bin': 'cache', '.pipeline/store/media-1.tmp-5/half': 'half',
  '.pipeline/logs/build.log': 'log', 'artifacts/mine/notes': 'no release', 'artifacts/.removed-ciab-0/manifest.json': '{}',
}

t.test('what a night left comes back on the next machine, with its holes, times and modes', async t => {
  const first = machine(t.testdir({ first: {}, second: {} }) + '/first', { ...night, ...useless })
  const second = machine(join(first.at('..'), 'second'))
  const disk = '.pipeline/store/provision-0/disk.raw'
  writeDisk(first.at(disk))
  chmodSync(first.at('artifacts/ciab-1/kvm/run-evc.sh'), 0o755)
  chmodSync(first.at('.pipeline/publish/seen.json'), 0o600)
  const packed = first.run('pack', pack)
  t.same([packed.status, packed.stdout], [0, ''])
  t.match(packed.stderr, /^cache: packed \S+\n$/)
  t.ok(statSync(first.at(pack)).size < mib, 'holes take no room in it')

  mkdirSync(second.at('.pipeline'))
  cpSync(first.at(pack), second.at(pack))
  t.same(second.run('unpack', pack), { status: 0, stdout: '', stderr: '' })
  for (const path of [disk, ...Object.keys(night)]) {
    const [was, is] = [statSync(first.at(path)), statSync(second.at(path))]
    t.same([is.size, is.blocks, is.mode, is.mtimeMs], [was.size, was.blocks, was.mode, was.mtimeMs], path)
    t.equal(sha256(second.at(path)), sha256(first.at(path)))
  }
  t.same(Object.keys(useless).filter(path => existsSync(second.at(path))), [])
  t.same(readdirSync(second.at('.pipeline')).sort(), ['chunks', 'mirror', 'publish', 'store'], 'nothing is left of the way there')
})

t.test('old results are not carried along; which release is the one to keep is known to the night', async t => {
  const { at, run, write } = machine(t.testdir({}), night)
  write('dist/cli.js', `import { writeFileSync } from 'node:fs'\nwriteFileSync('called', process.argv.slice(2).join(' '))`)
  t.match(run('pack', pack), { status: 0, stderr: /^cache: packed/ })
  t.equal(readFileSync(at('called'), 'utf8'), 'clean')
  write('dist/cli.js', 'process.exit(3)')
  t.match(run('pack', pack), { status: 0, stderr: /^cache: clean ended with exit code 3: old results are packed, too\ncache: packed/ })
})

t.test('a file that is damaged or not there is told, and nothing half-restored stays', async t => {
  const { at, run, write } = machine(t.testdir({}), night)
  run('pack', pack)
  const whole = readFileSync(at(pack))
  const changed = Buffer.from(whole)
  const middle = whole.length >> 1
  changed.writeUInt8(whole.readUInt8(middle) ^ 0xff, middle)
  const damaged = { cut: whole.subarray(0, -4), changed, empty: Buffer.alloc(0), foreign: Buffer.from('PK\x03\x04') }
  for (const [name, bytes] of Object.entries(damaged)) {
    const fresh = machine(join(t.testdirName, name), { [pack]: bytes.toString('latin1') })
    writeFileSync(fresh.at(pack), bytes)
    const { status, stderr } = fresh.run('unpack', pack)
    t.equal(status, 0, name)
    t.match(stderr, `cache: ${pack} could not be unpacked: everything is built\n`)
    t.same([readdirSync(fresh.at('.')), readdirSync(fresh.at('.pipeline'))], [['.pipeline', 'ci'], []])
  }
  const bare = machine(join(t.testdirName, 'bare'))
  t.same(bare.run('unpack', pack), { status: 0, stdout: '', stderr: 'cache: nothing was kept of an earlier night: everything is built\n' })
  bare.write('.pipeline/mirror/ciab-0.json', 'no stage has run')
  t.same(bare.run('pack', pack), { status: 0, stdout: '', stderr: 'cache: there is nothing to pack\n' })
  write('.pipeline/other', '')
  t.match(run('pack', '.pipeline/other/file'), { status: 0, stderr: /cache: could not pack: the next night builds everything\n$/ })
})

t.test('what a runner has kept itself stays', async t => {
  const { run, write, at } = machine(t.testdir({}), night)
  run('pack', pack)
  write('.pipeline/publish/seen.json', 'newer')
  const { status, stderr } = run('unpack', pack)
  t.equal(status, 0)
  t.match(stderr, 'cache: .pipeline/publish is here already, and stays\n')
  t.equal(readFileSync(at('.pipeline/publish/seen.json'), 'utf8'), 'newer')
})

t.test('without zstd it asks ci/quickstart for one, and goes on without where there is none', async t => {
  const { run, write, at } = machine(t.testdir({}), { ...night, 'bin/note': '' })
  write('ci/quickstart', `#!/bin/sh\necho "$@" >called\nexit 3\n`)
  chmodSync(at('ci/quickstart'), 0o755)
  const programs = ['bash', 'env', 'dirname', 'realpath', 'rm', 'mkdir', 'tar', 'du', 'cut', 'mv', 'sed']
  for (const name of programs) spawnSync('sh', ['-c', `ln -s "$(command -v ${name})" '${at('bin')}/'`])
  const { status, stderr } = spawnSync(at('ci/cache'), ['pack', pack], { cwd: at('.'), encoding: 'utf8', env: { PATH: at('bin') } })
  t.same([status, stderr], [0, 'cache: could not pack: the next night builds everything\n'])
  t.equal(readFileSync(at('called'), 'utf8'), 'prepare\n')
  t.match(run('pack'), { status: 2, stderr: /^ci\/cache pack FILE/ })
})
