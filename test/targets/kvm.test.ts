/**
 * Target kvm: the common contract, its descriptors word for word, its start script run, and each
 * fault its verification finds.
 */
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { PipelineError, formatError } from '../../pipeline/errors/pipeline-error.js'
import type { Spec } from '../../pipeline/spec/types.js'
import kvm from '../../pipeline/targets/kvm.js'
import type { RunResult } from '../../pipeline/tools/command.js'
import { matchGolden } from '../fixtures/golden.js'
import { exportTarget, options, realDeps, signal, sourceDateEpoch, spec, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

const disk = `ciab-${version}.qcow2`
const ciab: Spec = { ...spec, hardware: { ...spec.hardware, diskGib: 10 } }

await testTarget(kvm)

/** The descriptors are real, the disk is the word "disk": no pass fed its writer. */
async function exportFaked(directory: string, of: Spec = ciab): Promise<void> {
  const goldenDisk = { path: '/store/golden.raw', format: 'raw' } as const
  await kvm.export({ spec: of, version, options, sourceDateEpoch, signal, goldenDisk, directory }, realDeps)
  writeFileSync(join(directory, disk), 'disk')
}

t.test('writes descriptors word for word', async t => {
  const directory = t.testdir({})
  await exportFaked(directory)
  for (const name of ['domain.xml', 'start.sh', 'README.txt'])
    matchGolden(t, `kvm/${name}`, readFileSync(join(directory, name), 'utf8'))
})

t.test('a title with special letters and no nesting still gives a valid domain and script', async t => {
  const directory = t.testdir({})
  await exportFaked(directory, { ...ciab, title: `A "box", <it's> -- $(date) & more`, nestedVirt: 'off' })
  await realDeps.run(['virt-xml-validate', join(directory, 'domain.xml'), 'domain'])
  t.match(readFileSync(join(directory, 'domain.xml'), 'utf8'), /<cpu mode='host-model'\/>/)
  t.match(
    (await start(directory, ['--print'])).stdout,
    `-name 'A "box",, <it'\\''s> -- $(date) & more ${version}'`
  )
})

t.test("the UEFI variant that the domain's comment offers is valid, too", async t => {
  const directory = t.testdir({})
  await exportFaked(directory)
  const text = readFileSync(join(directory, 'domain.xml'), 'utf8')
  const [, offered = ''] = /put\n(\s*<os firmware=.*?<\/os>)/s.exec(text) ?? []
  const uefi = text.replace(/<!-- For.*?-->/s, '').replace(/<os>.*?<\/os>/s, offered)
  t.match(uefi, /<os firmware="efi">/)
  writeFileSync(join(directory, 'uefi.xml'), uefi)
  await realDeps.run(['virt-xml-validate', join(directory, 'uefi.xml'), 'domain'])
})

/** Runs start.sh with a QEMU that answers `--version` and otherwise prints its arguments. */
async function start(directory: string, args: readonly string[], qemuVersion = '10.0.2'): Promise<RunResult> {
  const qemu = join(directory, 'qemu')
  const lines = [
    '#!/bin/sh',
    `if [ "$1" = --version ]; then echo 'QEMU emulator version ${qemuVersion} (Debian)'; exit; fi`,
    'echo "started: $*"',
    '',
  ]
  writeFileSync(qemu, lines.join('\n'))
  chmodSync(qemu, 0o755)
  const all: readonly string[] = args.includes('--accel') ? args : [...args, '--accel', 'tcg']
  return await realDeps.run([join(directory, 'start.sh'), ...all], {
    env: { QEMU: qemu },
    okCodes: [0, 1, 2, 3],
  })
}

function plain(text: string, directory: string): string {
  return text.replaceAll(directory, '/here').replace(/mac=52:54:00(:[0-9a-f]{2}){3}/, 'mac=52:54:00:xx:xx:xx')
}

const network =
  '-device virtio-net-pci,netdev=net,mac=52:54:00:xx:xx:xx -device virtio-rng-pci -serial mon:stdio'
const drive = `-drive if=none,id=disk,format=qcow2,discard=unmap,file=/here/${disk} -device virtio-blk-pci,drive=disk,bootindex=0`
const forwards =
  'hostfwd=tcp:127.0.0.1:2222-:22,hostfwd=tcp:127.0.0.1:8080-:80,hostfwd=tcp:127.0.0.1:8443-:8443'
const head = `/here/qemu -name 'Cloud in a box ${version}' -machine q35`

t.test('the start script makes the QEMU command its options ask for', async t => {
  const directory = t.testdir({})
  await exportFaked(directory)
  const emulated = '-accel tcg,thread=multi -cpu EPYC'
  const cases: Record<string, string> = {
    '': `${head} -smp 2 -m 4096 ${emulated} ${drive} -netdev user,id=net,${forwards} ${network} -display none`,
    '--memory 2048 --cpus 4 --window --snapshot': `${head} -smp 4 -m 2048 ${emulated} ${drive} -snapshot -netdev user,id=net,${forwards} ${network}`,
    '--ssh-port 0 --http-port 0 --api-port 9443': `${head} -smp 2 -m 4096 ${emulated} ${drive} -netdev user,id=net,hostfwd=tcp:127.0.0.1:9443-:8443 ${network} -display none`,
    '--bridge br0': `${head} -smp 2 -m 4096 ${emulated} ${drive} -netdev bridge,id=net,br=br0 ${network} -display none`,
  }
  for (const [options, wanted] of Object.entries(cases)) {
    const { stdout } = await start(directory, [...options.split(' ').filter(Boolean), '--print'])
    t.equal(plain(stdout, directory), `${wanted}\n`, options || 'no options')
  }
})

t.test('the start script binds every port to loopback', async t => {
  const directory = t.testdir({})
  await exportFaked(directory)
  const { stdout } = await start(directory, ['--print'])
  for (const [, forward] of stdout.matchAll(/hostfwd=([^, ]+)/g)) t.match(forward, /^tcp:127\.0\.0\.1:/)
})

t.test('the start script starts QEMU and says where the appliance answers', async t => {
  const directory = t.testdir({})
  await exportFaked(directory)
  const { stdout, stderr } = await start(directory, ['--http-port', '0'])
  t.match(stdout, /^started: -name /)
  t.equal(
    stderr,
    [
      `start.sh: Starting Cloud in a box ${version} by tcg. Wait for "ready"; Ctrl-a x stops it.`,
      'start.sh: On this machine: API https://127.0.0.1:8443',
      'start.sh: On this machine: ssh -p 2222 evc@127.0.0.1, with a key you have put there',
      '',
    ].join('\n')
  )
})

t.test('an old QEMU emulates one processor only, and the start script says so', async t => {
  const directory = t.testdir({})
  await exportFaked(directory)
  const { stdout, stderr } = await start(directory, ['--print'], '7.2.15')
  t.match(stdout, / -smp 1 /)
  t.equal(
    stderr,
    'start.sh: !! One processor only: emulation on several is not reliable before QEMU 10, this is 7.\n'
  )
})

t.test("the start script keeps UEFI's settings beside the disk, but for a snapshot", async t => {
  const directory = t.testdir({})
  await exportFaked(directory)
  const nvram = join(directory, `ciab-${version}.nvram.fd`)
  const vars = '-drive if=pflash,unit=1,format=raw,file='
  t.match((await start(directory, ['--uefi', '--snapshot'])).stdout, `${vars}/usr/share/`)
  t.match((await start(directory, ['--uefi', '--print'])).stdout, `${vars}${nvram}`)
  t.notOk(existsSync(nvram), '--print writes nothing')
  t.match((await start(directory, ['--uefi'])).stdout, `${vars}${nvram}`)
  t.ok(existsSync(nvram))
})

t.test("the start script survives a comma in its folder's name", async t => {
  const directory = join(t.testdir({}), 'a, b')
  mkdirSync(directory)
  await exportFaked(directory)
  t.match((await start(directory, [])).stdout, `file=${directory.replace(',', ',,')}/${disk} `)
})

t.test('the start script says what is wrong and what to do', async t => {
  const directory = t.testdir({})
  await exportFaked(directory)
  const cases: Record<string, [code: number, message: string]> = {
    '--colour': [2, 'There is no option "--colour". Try: start.sh --help'],
    '--memory lots': [2, '--memory takes a number, found "lots".'],
    '--memory 99999999999': [2, '--memory takes a number, found "99999999999".'],
    '--ssh-port 65536': [2, '--ssh-port takes a number from 0 to 65535, found 65536.'],
    '--accel fast': [2, '--accel takes auto, kvm or tcg, found "fast".'],
    '--bridge a,b': [2, '--bridge takes a bridge\'s name, found "a,b".'],
    '--accel': [2, '--accel needs a value.'],
  }
  for (const [options, [code, message]] of Object.entries(cases)) {
    const { exitCode, stderr, stdout } = await realDeps.run(
      [join(directory, 'start.sh'), ...options.split(' ')],
      { okCodes: [2] }
    )
    t.same(
      { exitCode, stderr, stdout },
      { exitCode: code, stderr: `start.sh: ${message}\n`, stdout: '' },
      options
    )
  }
})

t.test('the start script names a missing QEMU and a missing disk', async t => {
  const directory = t.testdir({ alone: {} })
  await exportFaked(directory)
  const noQemu = await realDeps.run([join(directory, 'start.sh')], {
    env: { QEMU: 'no-such-qemu' },
    okCodes: [3],
  })
  t.equal(
    noQemu.stderr,
    'start.sh: Could not find no-such-qemu. Install it (Debian, Ubuntu: apt install qemu-system-x86; ' +
      'Fedora: dnf install qemu-kvm), or name it: QEMU=/path/to/qemu ./start.sh\n'
  )
  const alone = join(directory, 'alone')
  copyFileSync(join(directory, 'start.sh'), join(alone, 'start.sh'))
  const noDisk = await start(alone, [])
  t.equal(noDisk.exitCode, 3)
  t.equal(
    noDisk.stderr,
    `start.sh: Could not find ${alone}/${disk}: start.sh and the disk belong in one folder.\n`
  )
})

t.test(
  'without a KVM that works the start script goes on in emulation aloud, and fails when KVM was asked for',
  async t => {
    const directory = t.testdir({})
    await exportFaked(directory)
    const qemu = join(directory, 'broken-kvm')
    writeFileSync(
      qemu,
      '#!/bin/sh\ncase "$*" in\n--version) echo "QEMU emulator version 10.0.2" ;;\n' +
        '*"-accel kvm"*) echo "qemu: error: no such luck" >&2; exit 1 ;;\n*) echo "started: $*" ;;\nesac\n'
    )
    chmodSync(qemu, 0o755)
    const run = (accel: string) =>
      realDeps.run([join(directory, 'start.sh'), '--accel', accel], { env: { QEMU: qemu }, okCodes: [0, 3] })
    const auto = await run('auto')
    t.match(auto.stdout, /^started: .* -accel tcg,thread=multi -cpu EPYC /)
    const [first, second] = auto.stderr.split('\n')
    t.match(first, /^start\.sh: !! KVM does not work here: .*\/dev\/kvm/)
    t.equal(
      second,
      'start.sh: !! Going on in emulation: everything works, but many times slower. Ctrl-a x stops it.'
    )
    const asked = await run('kvm')
    t.equal(asked.exitCode, 3)
    t.match(asked.stderr, /^start\.sh: KVM does not work here: .*\/dev\/kvm.*\.\n$/)
  }
)

async function faultsOf(directory: string, goldenDisk?: { path: string; format: 'raw' }): Promise<string> {
  return await kvm
    .verify({ spec, version, options, directory, signal, ...(goldenDisk ? { goldenDisk } : {}) }, realDeps)
    .then(
      () => 'none',
      (error: unknown) => {
        if (error instanceof PipelineError) return formatError(error)
        throw error
      }
    )
}

const again = '(Export it again: pipeline build --target kvm)'

t.test('verification says what it found', async t => {
  const directory = t.testdir({})
  const goldenDisk = writeGoldenDisk(t.testdir({}))
  await exportTarget(kvm, { goldenDisk, directory })
  t.same(await kvm.verify({ spec, version, options, directory, signal, goldenDisk }, realDeps), [
    { name: 'all files are there', found: `${disk}, domain.xml, start.sh, README.txt` },
    { name: 'qcow2 header', found: 'version 3, zlib, 64 KiB clusters, 1 GiB, no backing file' },
    { name: 'qcow2 structure', found: 'qemu-img check finds no fault in 18 clusters' },
    { name: 'content equal to the golden disk', found: 'qemu-img compare: identical' },
    { name: 'libvirt domain', found: "valid by libvirt's schema" },
    { name: 'start script', found: 'executable, sh reads it' },
  ])
  t.match(await kvm.verify({ spec, version, options, directory, signal }, realDeps), [
    {},
    {},
    {},
    { found: 'not compared: the golden disk is not on this host' },
    {},
    {},
  ])
})

t.test('verification names each fault', async t => {
  const directory = t.testdir({})
  const goldens = t.testdir({})
  const goldenDisk = writeGoldenDisk(goldens)
  await exportTarget(kvm, { goldenDisk, directory })
  const path = join(directory, disk)
  const whole = readFileSync(path)

  t.match(
    await faultsOf(directory, { ...writeGoldenDisk(goldens, 'other'), format: 'raw' }),
    `error: kvm/${disk} does not hold what the golden disk holds: Content mismatch at offset 0. ${again}`
  )

  truncateSync(path, 300_000)
  t.match(
    await faultsOf(directory),
    new RegExp(
      `^error: kvm/${disk.replace(/[.+]/g, '\\$&')} (is damaged: \\d+ corruptions|cannot be checked)`
    )
  )
  writeFileSync(path, 'disk')
  t.match(await faultsOf(directory), `kvm/${disk} is no qcow2 file. ${again}`)
  writeFileSync(path, whole)

  await realDeps.run([
    'qemu-img',
    'create',
    '-q',
    '-f',
    'qcow2',
    '-b',
    goldenDisk.path,
    '-F',
    'raw',
    '-o',
    'cluster_size=4096,compat=0.10',
    path,
  ])
  t.equal(
    await faultsOf(directory),
    [
      'error: 3 problems:',
      `kvm/${disk} has qcow2 version 2, wanted 3. ${again}`,
      `kvm/${disk} has clusters of 4096 bytes, wanted 65536. ${again}`,
      `kvm/${disk} depends on a backing file. ${again}`,
    ].join('\n  ')
  )
  await realDeps.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-o', 'compression_type=zstd', path, '2G'])
  t.equal(
    await faultsOf(directory),
    [
      'error: 3 problems:',
      `kvm/${disk} is compressed by zstd, which old QEMUs cannot read. ${again}`,
      `kvm/${disk} shows the guest 2147483648 bytes, wanted 1073741824. ${again}`,
      `kvm/${disk} was left dirty or needs features that old QEMUs lack (bits 1000). ${again}`,
    ].join('\n  ')
  )
  writeFileSync(path, whole)

  writeFileSync(join(directory, 'domain.xml'), '<domain><colour/></domain>')
  writeFileSync(join(directory, 'start.sh'), '#!/bin/sh\nif true\n')
  t.equal(
    (await faultsOf(directory)).replaceAll(directory, '/here').replace(/start\.sh: \d+: /, 'start.sh: N: '),
    [
      'error: 2 problems:',
      `kvm/domain.xml is not valid: /here/domain.xml:1: element colour: Relax-NG validity error : Element domain failed to validate content. ${again}`,
      `kvm/start.sh is no shell script: /here/start.sh: N: Syntax error: end of file unexpected (expecting "then"). ${again}`,
    ].join('\n  ')
  )
  chmodSync(join(directory, 'start.sh'), 0o644)
  t.match(await faultsOf(directory), `kvm/start.sh is not executable. ${again}`)
})
