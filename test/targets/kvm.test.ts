/**
 * Target kvm: the common contract, its descriptors word for word, its start script run, and each
 * fault its verification finds.
 */
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readFileSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs'
import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { PipelineError, formatError } from '../../pipeline/errors/pipeline-error.js'
import kvm from '../../pipeline/targets/kvm.js'
import type { RunResult } from '../../pipeline/tools/command.js'
import { matchGolden } from '../fixtures/golden.js'
import { kitDisk, kitSpec, writeKit } from '../fixtures/kvm-kit.js'
import { exportTarget, options, realDeps, signal, sourceDateEpoch, spec, testOddTitle, testSpoiledFiles, testTarget, version, writeGoldenDisk } from '../fixtures/target-contract.js'

const disk = kitDisk
const ciab = kitSpec

await testTarget(kvm)
await testSpoiledFiles(kvm)
await testOddTitle(kvm)


t.test('writes descriptors word for word', async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  for (const name of ['domain.xml', 'run-evc.sh', 'teardown-evc.sh', 'status', 'evc-host.sh', 'README.txt'])
    matchGolden(t, `kvm/${name}`, readFileSync(join(directory, name), 'utf8'))
})

t.test('a title with special letters and no nesting still gives a valid domain and script', async t => {
  const directory = t.testdir({})
  await writeKit(directory, { ...ciab, title: `A "box", <it's> -- $(date) & more`, nestedVirt: 'off' })
  await realDeps.run(['virt-xml-validate', join(directory, 'domain.xml'), 'domain'])
  t.match(readFileSync(join(directory, 'domain.xml'), 'utf8'), /<cpu mode='host-model'\/>/)
  t.match(
    (await start(directory, [])).stdout,
    `-name 'A "box",, <it'\\''s> -- $(date) & more ${version}'`
  )
})

t.test("the UEFI variant that the domain's comment offers is valid, too", async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  const text = readFileSync(join(directory, 'domain.xml'), 'utf8')
  const [, offered = ''] = /put\n(\s*<os firmware=.*?<\/os>)/s.exec(text) ?? []
  const uefi = text.replace(/<!-- For.*?-->/s, '').replace(/<os>.*?<\/os>/s, offered)
  t.match(uefi, /<os firmware="efi">/)
  writeFileSync(join(directory, 'uefi.xml'), uefi)
  await realDeps.run(['virt-xml-validate', join(directory, 'uefi.xml'), 'domain'])
})

t.test('virt-install takes the command that the page offers (on the driver of libvirt that has no machines)', async t => {
  for (const [nestedVirt, mode] of [['required', 'host-passthrough'], ['off', 'host-model']] as const) {
    const directory = t.testdir({})
    await writeKit(directory, { ...ciab, nestedVirt })
    await realDeps.run(['qemu-img', 'create', '-q', '-f', 'qcow2', join(directory, disk), '10G'])
    const [offered = ''] = /virt-install .*?[^\\]\n/s.exec(readFileSync(join(directory, 'README.txt'), 'utf8')) ?? []
    t.match(offered, ',format=qcow2', 'which that driver, not being QEMU, leaves out of its answer')
    const command = `${offered.trim().replace('/var/lib/libvirt/images', directory)} --connect test:///default --print-xml`
    const { stdout } = await realDeps.run(['sh', '-c', command], { env: { HOME: directory } })
    for (const [what, wanted] of Object.entries({
      name: `<name>${disk.replace('.qcow2', '')}</name>`,
      memory: `<memory>${ciab.hardware.memoryMib * 1024}</memory>`,
      processors: `<vcpu>${ciab.hardware.cpus}</vcpu>`,
      processor: `<cpu mode="${mode}"`,
      disk: `<source file="${join(directory, disk)}"/>\n      <target dev="vda" bus="virtio"/>`,
      network: '<source network="default"/>',
      card: '<model type="virtio"/>',
      screen: '<graphics type="vnc" port="-1" listen="127.0.0.1"/>',
      start: '<boot dev="hd"/>',
    })) t.ok(stdout.includes(wanted), what)
  }
})

/** Runs run-evc.sh --user with a stand-in for QEMU that answers `--version`; KVM is not asked for. */
async function start(directory: string, args: readonly string[], qemuVersion = '10.0.2'): Promise<RunResult> {
  const qemu = join(directory, 'qemu')
  writeFileSync(qemu, `#!/bin/sh\n[ "$1" = --version ] || exit 1\necho 'QEMU emulator version ${qemuVersion} (Debian)'\n`)
  chmodSync(qemu, 0o755)
  return await realDeps.run([join(directory, 'run-evc.sh'), '--print', '--accel', 'tcg', ...args], {
    env: { QEMU: qemu, EVC_STATE: join(directory, 'state') },
    okCodes: [0, 1, 2, 3],
  })
}

function plain(text: string, directory: string): string {
  return text.replaceAll(directory, '/here').replace(/mac=52:54:00(:[0-9a-f]{2}){3}/, 'mac=52:54:00:xx:xx:xx')
}

const drive = `-drive if=none,id=disk,format=qcow2,discard=unmap,file=/here/${disk} -device virtio-blk-pci,drive=disk,bootindex=0`
const card = '-device virtio-net-pci,netdev=net,mac=52:54:00:xx:xx:xx -device virtio-rng-pci'
const lines =
  '-chardev pty,id=serial,logfile=/here/state/serial.log,logappend=off -serial chardev:serial ' +
  '-chardev pty,id=monitor -mon chardev=monitor,mode=readline -pidfile /here/state/qemu.pid'
const head = `/here/qemu -name 'Cloud in a box ${version}' -machine q35`
const emulated = '-accel tcg,thread=multi -cpu EPYC'

function user(ports: { http: number; console: number; api: number; ssh: number }): string {
  const forward = (from: number, to: number) => `hostfwd=tcp:127.0.0.1:${from}-:${to}`
  const forwards = [forward(ports.http, 80), forward(ports.console, 9090), forward(ports.api, 8443), forward(ports.ssh, 22)]
  const told = `http:${ports.http},,console:${ports.console},,api:${ports.api},,ssh:${ports.ssh}`
  return `-netdev user,id=net,${forwards.join(',')} ${card} -fw_cfg name=opt/org.evc/forwarded,string=${told}`
}

t.test('run-evc.sh makes the QEMU command its options ask for', async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  const ports = { http: 31080, console: 31090, api: 31443, ssh: 31022 }
  const chosen = '--user --http-port 31080 --console-port 31090 --api-port 31443 --ssh-port 31022'
  const tap = '-netdev tap,id=net,ifname=evctap0,script=no,downscript=no'
  const cases: Record<string, string> = {
    [chosen]: `${head} -smp 2 -m 4096 ${emulated} ${drive} ${user(ports)} ${lines} -display none -daemonize`,
    [`${chosen} --memory 2048 --cpus 4 --window --snapshot`]: `${head} -smp 4 -m 2048 ${emulated} ${drive} -snapshot ${user(ports)} ${lines}`,
    '--memory 2047': `${head} -smp 2 -m 2047 ${emulated} ${drive} ${tap} ${card} ${lines} -display none -daemonize`,
    '--bridge br7': `${head} -smp 2 -m 4096 ${emulated} ${drive} ${tap} ${card} ${lines} -display none -daemonize`,
  }
  for (const [options, wanted] of Object.entries(cases)) {
    const { stdout, stderr } = await start(directory, options.split(' '))
    t.equal(plain(stdout, directory).replace(/ -(runas|run-with) \S+/, ''), `${wanted}\n`, options)
    t.equal(stderr, '', options)
  }
  t.notOk(existsSync(join(directory, 'state')), '--print makes nothing')
})

t.test('a port that is in use is passed over, and every port is bound to loopback', async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as AddressInfo
  const { stdout, stderr } = await start(directory, ['--user', '--http-port', String(port), '--console-port', String(port)])
  const forwards = [...stdout.matchAll(/hostfwd=([^, ]+)/g)].map(([, forward = '']) => forward)
  t.equal(forwards.length, 4)
  for (const forward of forwards) t.match(forward, /^tcp:127\.0\.0\.1:/)
  const given = forwards.map(forward => Number(forward.split(':')[2]?.replace('-', '')))
  t.notOk(given.includes(port))
  t.equal(new Set(given).size, 4)
  t.match(stderr, `run-evc.sh: Port ${port} is in use on this machine; http is at ${given[0]}.\n`)
})

t.test('an old QEMU emulates one processor only, and run-evc.sh says so', async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  const { stdout, stderr } = await start(directory, ['--bridge', 'br7'], '7.2.15')
  t.match(stdout, / -smp 1 /)
  t.equal(
    stderr,
    'run-evc.sh: !! One processor only: emulation on several is not reliable before QEMU 10, this is 7.\n'
  )
})

t.test("run-evc.sh keeps UEFI's settings beside the disk, but for a snapshot", async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  const nvram = join(directory, `ciab-${version}.nvram.fd`)
  const vars = '-drive if=pflash,unit=1,format=raw,file='
  t.match((await start(directory, ['--uefi', '--snapshot'])).stdout, `${vars}/usr/share/`)
  t.match((await start(directory, ['--uefi'])).stdout, `${vars}${nvram}`)
  t.notOk(existsSync(nvram), '--print writes nothing')
})

t.test("run-evc.sh survives a comma in its folder's name", async t => {
  const directory = join(t.testdir({}), 'a, b')
  mkdirSync(directory)
  await writeKit(directory)
  t.match((await start(directory, [])).stdout, `file=${directory.replace(',', ',,')}/${disk},`.slice(0, -1))
})

t.test('the scripts say what is wrong with an option and what to do', async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  const cases: Record<string, string> = {
    'run-evc.sh --colour': 'There is no option "--colour". Try: run-evc.sh --help',
    'run-evc.sh --memory lots': '--memory takes a number, found "lots".',
    'run-evc.sh --memory 99999999999': '--memory takes a number, found "99999999999".',
    'run-evc.sh --ssh-port 65536': '--ssh-port takes a number from 1 to 65000, found 65536.',
    'run-evc.sh --accel fast': '--accel takes auto, kvm or tcg, found "fast".',
    'run-evc.sh --bridge a,b': '--bridge takes a name, found "a,b".',
    'run-evc.sh --subnet 10.0.0.0/8': '--subnet takes a network like 192.168.43.0/24, found "10.0.0.0/8".',
    'run-evc.sh --subnet 300.1.1.0/24': '--subnet takes a network like 192.168.43.0/24, found "300.1.1.0/24".',
    'run-evc.sh --accel': '--accel needs a value.',
    'teardown-evc.sh --now': 'There is no option "--now". Try: teardown-evc.sh --help',
    'teardown-evc.sh --wait long': '--wait takes a number, found "long".',
    'status --colour': 'There is no option "--colour". Try: status --help',
  }
  for (const [line, message] of Object.entries(cases)) {
    const [script = '', ...args] = line.split(' ')
    const { exitCode, stderr, stdout } = await realDeps.run([join(directory, script), ...args], {
      env: { EVC_STATE: join(directory, 'state') },
      okCodes: [2],
    })
    t.same({ exitCode, stderr, stdout }, { exitCode: 2, stderr: `${script}: ${message}\n`, stdout: '' }, line)
  }
})

t.test('run-evc.sh tells every problem of the machine at once', async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  unlinkSync(join(directory, disk))
  const { stderr, exitCode } = await realDeps.run(
    [join(directory, 'run-evc.sh'), '--user', '--accel', 'tcg', '--memory', '16777216', '--settings', join(directory, 'none.iso')],
    { env: { QEMU: 'no-such-qemu', EVC_STATE: join(directory, 'state') }, okCodes: [3] }
  )
  t.equal(exitCode, 3)
  t.equal(
    stderr.replaceAll(directory, '/here').replace(/, \d+ MiB are free/, ', N MiB are free').replace(/--memory \d+/, '--memory N'),
    [
      'Could not find no-such-qemu. Install it (Debian, Ubuntu: apt install qemu-system-x86; ' +
        'Fedora: dnf install qemu-kvm), or name it: QEMU=/path/to/qemu run-evc.sh',
      `Could not find /here/${disk}: run-evc.sh and the disk belong in one folder.`,
      'The appliance needs 16777516 MiB of memory, N MiB are free. Close something, or try less: --memory N',
      'Could not read /here/none.iso, which --settings names.',
    ].map(line => `run-evc.sh: ${line}\n`).join('')
  )
})

t.test(
  'without a KVM that works run-evc.sh goes on in emulation aloud, and fails when KVM was asked for (a stand-in for QEMU)',
  async t => {
    const directory = t.testdir({})
    await writeKit(directory)
    const qemu = join(directory, 'broken-kvm')
    writeFileSync(
      qemu,
      '#!/bin/sh\ncase "$*" in\n--version) echo "QEMU emulator version 10.0.2" ;;\n' +
        '*"-accel kvm"*) echo "qemu: error: no such luck" >&2; exit 1 ;;\nesac\n'
    )
    chmodSync(qemu, 0o755)
    const run = (accel: string) =>
      realDeps.run([join(directory, 'run-evc.sh'), '--print', '--accel', accel], { env: { QEMU: qemu }, okCodes: [0, 3] })
    const auto = await run('auto')
    t.match(auto.stdout, / -accel tcg,thread=multi -cpu EPYC /)
    const [first, second] = auto.stderr.split('\n')
    t.match(first, /^run-evc\.sh: !! KVM does not work here: .*\/dev\/kvm/)
    t.equal(second, 'run-evc.sh: !! Going on in emulation: everything works, but many times slower.')
    const asked = await run('kvm')
    t.equal(asked.exitCode, 3)
    t.match(asked.stderr, /^run-evc\.sh: KVM does not work here: .*\/dev\/kvm.*\.\n$/)
  }
)

t.test('shellcheck and dash find no fault in the scripts', async t => {
  const directory = t.testdir({})
  await writeKit(directory)
  // With run-evc.sh, evc-host.sh is looked at, too.
  const looks = { 'run-evc.sh': ['-x'], 'teardown-evc.sh': ['-e', 'SC1091,SC2154'], status: ['-e', 'SC1091,SC2154'] }
  for (const [script, flags] of Object.entries(looks)) {
    const { stdout } = await realDeps.run(['shellcheck', ...flags, script], { cwd: directory, okCodes: [0, 1] })
    t.equal(stdout, '', script)
  }
  for (const script of ['run-evc.sh', 'teardown-evc.sh', 'status', 'evc-host.sh']) await realDeps.run(['dash', '-n', join(directory, script)])
})

async function faultsOf(directory: string, goldenDisk?: { path: string; format: 'raw' }): Promise<string> {
  return await kvm
    .verify({ spec, version, sourceDateEpoch, options, directory, signal, ...(goldenDisk ? { goldenDisk } : {}) }, realDeps)
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
  t.match(await kvm.verify({ spec, version, sourceDateEpoch, options, directory, signal, goldenDisk }, realDeps), [
    {
      name: 'all files are there',
      found: `${disk}, run-evc.sh, teardown-evc.sh, status, evc-host.sh, domain.xml, README.txt`,
    },
    { name: 'qcow2 header', found: 'version 3, zlib, 64 KiB clusters, 1 GiB, no backing file' },
    { name: 'qcow2 structure', found: 'qemu-img check finds no fault in 18 clusters' },
    { name: 'content equal to the golden disk', found: 'qemu-img compare: identical' },
    { name: 'libvirt domain', found: "valid by libvirt's schema; name, memory, processors and disk as asked" },
    {
      name: 'host scripts',
      found: 'run-evc.sh, teardown-evc.sh, status: executable, sh reads them and evc-host.sh',
    },
    { name: 'one page of instructions', found: /^\d+ lines$/ },
  ])
  t.match(await kvm.verify({ spec, version, sourceDateEpoch, options, directory, signal }, realDeps), [
    {},
    {},
    {},
    { skipped: 'not compared: the golden disk is not on this host' },
    {},
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
  writeFileSync(join(directory, 'status'), '#!/bin/sh\nif true\n')
  t.equal(
    (await faultsOf(directory)).replaceAll(directory, '/here').replace(/status: \d+: /, 'status: N: '),
    [
      'error: 2 problems:',
      `kvm/domain.xml is not valid: /here/domain.xml:1: element colour: Relax-NG validity error : Element domain failed to validate content. ${again}`,
      `kvm/status is no shell script: /here/status: N: Syntax error: end of file unexpected (expecting "then"). ${again}`,
    ].join('\n  ')
  )
  chmodSync(join(directory, 'status'), 0o644)
  t.match(await faultsOf(directory), `kvm/status is not executable. ${again}`)
})
