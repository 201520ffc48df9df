#!/usr/bin/env node
// Measures what a build costs on this host: JSON to stdout, progress to stderr. A benchmark: it judges nothing.
//   ci/bench                 everything: cold build with verification, rebuilds, a changed first-boot file, mkosi
//   ci/bench --quick         only what needs no VM: media from an empty store and again, plus check
//   --mkosi                  only media and install from an empty store, against mkosi
//   --export DISK            only the export of this golden disk, against others' programs (ci/bench-export.js)
//   --mirror URL             passed on to every build and to mkosi
// How it measures: every 100 ms /proc is read. The children of the pipeline, and theirs, are followed; time in which
// none of mmdebstrap, Packer, QEMU and qemu-img lives is the pipeline's own overhead, whatever else it started then.
// A program that only waits counts as alive: work of ours behind a running VM is not seen. Memory is VmHWM of the
// pipeline's own process, its peak. Each number of the issue stands beside its limit, where it has one.
import { spawn, spawnSync } from 'node:child_process'
import { appendFileSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { cpus, totalmem } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { exportSection } from './bench-export.js'
import { median, mib, peakBytes, percent, ratio, seconds } from './bench-measure.js'

const root = fileURLToPath(new URL('..', import.meta.url))
const cli = join(root, 'dist/cli.js')
const sampleMs = 100

/** Names as the kernel keeps them: at most 15 characters. */
const tools = /^(mmdebstrap|packer|qemu-system-x86|qemu-img)/

/** A build that failed ends the benchmark with that build's own exit code. */
class BuildFailed extends Error {
  constructor(args, code, stderr) {
    super(`pipeline ${args.join(' ')} ended with exit code ${code}:\n${stderr.split('\n').slice(-20).join('\n')}`)
    this.exitCode = code ?? 1
  }
}

/** Pid, parent and name of every process; one that ends while it is read is left out. */
function processes() {
  return readdirSync('/proc').filter(name => /^\d+$/.test(name)).flatMap(name => {
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      const end = stat.lastIndexOf(')')
      return [{ pid: Number(name), comm: stat.slice(stat.indexOf('(') + 1, end), parent: Number(stat.slice(end + 2).split(' ')[1]) }]
    } catch {
      return []
    }
  })
}

/**
 * Follows one process: time without a tool, by the stage that `stageNow` names, and its peak of memory. Processes that
 * lost their parent stay known.
 */
function watch(pid, stageNow) {
  const known = new Set([pid])
  const seen = { ownMs: 0, ownStageMs: {}, peakBytes: 0 }
  const add = milliseconds => {
    seen.ownMs += milliseconds
    seen.ownStageMs[stageNow()] = (seen.ownStageMs[stageNow()] ?? 0) + milliseconds
  }
  let last = performance.now()
  const sample = () => {
    const now = performance.now()
    const all = processes()
    for (let size = -1; size !== known.size; ) {
      size = known.size
      for (const each of all) if (known.has(each.parent)) known.add(each.pid)
    }
    if (!all.some(each => known.has(each.pid) && tools.test(each.comm))) add(now - last)
    seen.peakBytes = Math.max(seen.peakBytes, peakBytes(pid))
    last = now
  }
  sample()
  const timer = setInterval(sample, sampleMs)
  return () => {
    clearInterval(timer)
    add(performance.now() - last)
    return seen
  }
}

/** One run of the compiled pipeline, watched. Errors: BuildFailed. */
async function pipeline(args) {
  process.stderr.write(`bench: pipeline ${args.join(' ')}\n`)
  const started = performance.now()
  const child = spawn(process.execPath, [cli, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  const forward = signal => child.kill(signal)
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, forward)
  let stage = 'before'
  const stop = watch(child.pid, () => stage)
  let stdout = ''
  let stderr = ''
  const stageMs = {}
  let emulated = false
  const begun = {}
  child.stdout.setEncoding('utf8').on('data', text => (stdout += text))
  createInterface({ input: child.stderr }).on('line', line => {
    stderr += `${line}\n`
    process.stderr.write(`${line}\n`)
    // The build's own words, with our clock: its text rounds to seconds.
    const [, name, word] = /^([a-z]+): (started$|completed in )/.exec(line) ?? []
    if (line.startsWith('No hardware acceleration')) emulated = true
    if (name) stage = word === 'started' ? name : 'between'
    if (word === 'started') begun[name] = performance.now()
    else if (name) stageMs[name] = performance.now() - begun[name]
  })
  const code = await new Promise(resolve => child.on('close', resolve))
  for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, forward)
  const milliseconds = performance.now() - started
  const seen = stop()
  if (code !== 0) throw new BuildFailed(args, code, stderr)
  return { stdout, milliseconds, stageMs, emulated, ...seen }
}

const inSeconds = table => Object.fromEntries(Object.entries(table).map(([name, value]) => [name, seconds(value)]))

/** What one watched run cost. */
function cost(ran) {
  return {
    seconds: seconds(ran.milliseconds),
    stageSeconds: inSeconds(ran.stageMs),
    ownSeconds: seconds(ran.ownMs),
    ownStageSeconds: inSeconds(ran.ownStageMs),
    ownPercent: percent(ran.ownMs, ran.milliseconds),
    peakMib: Math.round(ran.peakBytes / mib),
  }
}

/** The same build over and over. */
async function repeat(args, times = 5) {
  const runs = []
  for (let n = 0; n < times; n += 1) runs.push(seconds((await pipeline(args)).milliseconds))
  return { medianSeconds: median(runs), runs }
}

function storeRecords(store) {
  return readdirSync(join(store, 'store'))
    .map(name => join(store, 'store', name, 'stage.json'))
    .filter(path => existsSync(path))
    .map(path => JSON.parse(readFileSync(path, 'utf8')))
}

/** Everything in one folder that is removed afterwards; beside the repository's own store, which is left alone. */
function workFolder() {
  mkdirSync(join(root, '.pipeline'), { recursive: true })
  const work = mkdtempSync(join(root, '.pipeline/bench-'))
  process.on('exit', () => rmSync(work, { recursive: true, force: true }))
  return { work, store: join(work, 'state'), artifacts: join(work, 'artifacts') }
}

async function quick(options) {
  const { store, artifacts } = workFolder()
  const args = ['build', '--until', 'media', '--store', store, '--artifacts', artifacts, ...options]
  const cold = await pipeline(args)
  const unchanged = await repeat(args)
  const check = await repeat(['check'])
  return {
    media: cost(cold),
    stored: storedSeconds(store),
    unchangedUntilMedia: unchanged,
    check,
    mkosi: mkosiVersion() ?? 'not installed',
  }
}

function storedSeconds(store) {
  return Object.fromEntries(storeRecords(store).map(({ stage, seconds }) => [stage, seconds]))
}

async function whole(options) {
  const { work, store, artifacts } = workFolder()
  const places = ['--store', store, '--artifacts', artifacts, ...options]
  const cold = await pipeline(['build', ...places])
  const release = cold.stdout.trim().split('\n').at(-1)
  // Verification is the last stage: without it a cold build is what comes before.
  const coldBuildMs = cold.milliseconds - cold.stageMs.verify
  const stored = storedSeconds(store)
  const unchanged = await repeat(['build', ...places])
  const changed = await firstBootChange({ work, store, artifacts }, options)
  const verification = verificationOf(release)
  const image = imageOf(release)
  const mkosi = mkosiBuild({ work, packages: packagesIn(store), options, cold })
  return {
    cold: { ...cost(cold), limitSeconds: 720, limitOwnPercent: 5, limitPeakMib: 300 },
    coldWithoutVerification: { seconds: seconds(coldBuildMs) },
    stored,
    unchanged: { ...unchanged, limitSeconds: 2 },
    firstBootChange: { ...changed.report, ratioToCold: ratio(changed.milliseconds, coldBuildMs), limitRatio: 0.5 },
    image: { ...image, limitMib: 450 },
    verification: { ...verification, limitReadySeconds: 120 },
    mkosi,
    export: await exportSection(goldenDisk(store), work),
  }
}

/** The provisioned disk is the golden one once it has passed the audit. */
function goldenDisk(store) {
  const name = readdirSync(join(store, 'store')).find(each => each.startsWith('provision-'))
  return join(store, 'store', name, 'disk.raw')
}

/** Names of the packages that media took. */
function packagesIn(store) {
  const name = readdirSync(join(store, 'store')).find(each => each.startsWith('media-'))
  return readFileSync(join(store, 'store', name, 'packages.txt'), 'utf8').trim().split('\n').map(line => line.split('=')[0])
}

/** Both sides of the ratio in one run, without the boots. */
async function mkosiOnly(options) {
  const { work, store, artifacts } = workFolder()
  const cold = await pipeline(['build', '--until', 'install', '--store', store, '--artifacts', artifacts, ...options])
  const mkosi = mkosiBuild({ work, packages: packagesIn(store), options, cold })
  return { mediaAndInstall: cost(cold), mkosi }
}

async function exportOnly(disk) {
  const { work } = workFolder()
  return { export: await exportSection(disk, work) }
}

/** Builds a copy of the appliances in which one first-boot step has another comment, up to its export. */
async function firstBootChange({ work, store, artifacts }, options) {
  const copy = join(work, 'changed')
  cpSync(join(root, 'kickstarts'), join(copy, 'kickstarts'), { recursive: true })
  appendFileSync(join(copy, 'kickstarts/ciab/first-boot/usr/lib/evc/steps/50-demo'), '\n# measured by ci/bench\n')
  const before = new Set(storeRecords(store).map(({ key }) => key))
  const ran = await pipeline(['build', '--root', copy, '--until', 'export', '--store', store, '--artifacts', artifacts, ...options])
  const stagesRun = storeRecords(store).filter(({ key }) => !before.has(key)).map(({ stage }) => stage).sort()
  return { milliseconds: ran.milliseconds, report: { ...cost(ran), stagesRun } }
}

function imageOf(release) {
  const name = readdirSync(join(release, 'kvm')).find(file => file.endsWith('.qcow2'))
  const { size } = statSync(join(release, 'kvm', name))
  return { bytes: size, mib: Math.round(size / mib) }
}

/** Power-on to ready of each boot that verification made. */
function verificationOf(release) {
  const report = JSON.parse(readFileSync(join(release, 'verification.json'), 'utf8'))
  const boots = report.checks.filter(({ name, boot, status }) => name === 'ready' && boot !== undefined && status === 'passed')
  return {
    acceleration: report.acceleration.kind,
    seconds: seconds(report.durationMs),
    readySeconds: Object.fromEntries(boots.map(({ target, boot, durationMs }) => [`${target} ${boot}`, seconds(durationMs)])),
  }
}

function versionOf(file, pattern = /\d[\w.+~-]*/) {
  const { status, stdout } = spawnSync(file, ['--version'], { encoding: 'utf8' })
  return status === 0 ? (pattern.exec(stdout)?.[0] ?? stdout.trim()) : undefined
}

const mkosiVersion = () => versionOf('mkosi')

/** The first that knows Debian 13 with systemd-repart; Debian 12 has it in backports. */
const mkosiMajor = 20

/** Of the host's own apt configuration: the archive, not that of security updates. */
function hostMirror() {
  const format = '$(REPO_URI) $(RELEASE) $(COMPONENT)'
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', format, 'Identifier: Packages'], { encoding: 'utf8' })
  const rows = (stdout ?? '').split('\n').map(line => line.split(' '))
  return rows.find(([, release, component]) => component === 'main' && !release.includes('-'))?.[0]
}

/**
 * A bootable disk of the packages that media took, by mkosi from an empty cache. It is not the same work:
 * no VM, UEFI only. The ratio is our media and install over it.
 */
function mkosiBuild({ work, packages, options, cold }) {
  const version = mkosiVersion()
  if (!version) return 'not installed'
  if (Number.parseInt(version, 10) < mkosiMajor) return `${version} is too old, ${mkosiMajor} or newer is needed`
  // It ends without it, after all packages are installed; Debian has it in a package of its own.
  if (!versionOf('bootctl')) return 'bootctl is not installed, which mkosi makes a disk bootable with (Debian: systemd-boot)'
  const folder = join(work, 'mkosi')
  for (const name of ['src', 'out', 'cache', 'workspace']) mkdirSync(join(folder, name), { recursive: true })
  // As a local mirror: of others mkosi asks for the debug archive, too, which few mirrors have.
  const mirror = options[0] === '--mirror' ? options[1] : hostMirror()
  // A kernel of the security archive is no package of the local mirror; linux-image-amd64 takes the one that is there.
  const names = [...packages.filter(name => !/^linux-image-\d/.test(name)), 'systemd-boot']
  const args = [
    '--directory', join(folder, 'src'), '--distribution', 'debian', '--release', 'trixie', '--format', 'disk', '--bootable', 'yes',
    '--output-dir', join(folder, 'out'), '--cache-dir', join(folder, 'cache'), '--workspace-dir', join(folder, 'workspace'),
    // Its own boot loader: the release's GRUB is installed by our script, not by a package.
    ...(mirror ? ['--local-mirror', mirror] : []), '--build-sources', '',
    ...names.flatMap(name => ['--package', name]), '--force', 'build',
  ]
  process.stderr.write(`bench: mkosi ${version}, ${names.length} packages\n`)
  const started = performance.now()
  const { status, stderr } = spawnSync('mkosi', args, { encoding: 'utf8', stdio: ['ignore', 'ignore', 'pipe'], maxBuffer: 64 * mib })
  const milliseconds = performance.now() - started
  if (status !== 0) return { version, failed: stderr.trim().split('\n').slice(-5) }
  return { version, seconds: seconds(milliseconds), packages: names.length, ...besideMkosi(cold, milliseconds) }
}

/** The ratio and, where it misses its aim, its cause: what of our time mkosi has nothing of. */
function besideMkosi({ stageMs: { media, install }, emulated }, mkosiMs) {
  const found = { ratio: ratio(media + install, mkosiMs), aim: 1 }
  if (found.ratio <= 1) return found
  const machine = emulated ? 'a virtual machine that is emulated here, for want of KVM' : 'a virtual machine'
  return { ...found, cause: `install takes ${seconds(install)} of ${seconds(media + install)} s in ${machine}; mkosi writes its disk on the host itself` }
}

function readArguments() {
  try {
    const flag = { type: 'boolean' }
    const text = { type: 'string' }
    return parseArgs({ options: { quick: flag, mkosi: flag, export: text, mirror: text } }).values
  } catch (error) {
    process.stderr.write(`error: ${error.message} (ci/bench [--quick] [--mkosi] [--export DISK] [--mirror URL])\n`)
    return process.exit(2)
  }
}

const { quick: isQuick = false, mkosi: isMkosi = false, export: exported, mirror } = readArguments()
if (!existsSync(cli)) {
  process.stderr.write('error: The pipeline is not compiled. (Run ci/bench, which does it, instead of ci/bench.js.)\n')
  process.exit(3)
}
try {
  const options = mirror === undefined ? [] : ['--mirror', mirror]
  const host = { cpus: cpus().length, memoryMib: Math.round(totalmem() / mib), node: process.versions.node, qemu: versionOf('qemu-system-x86_64', /\d+\.\d+\.\d+/) }
  const results = await (exported ? exportOnly(exported) : isMkosi ? mkosiOnly(options) : isQuick ? quick(options) : whole(options))
  const against = mirror === undefined ? "this host's own mirror, asked with conditional requests" : 'the mirror given by --mirror'
  process.stdout.write(`${JSON.stringify({ formatVersion: 1, quick: isQuick, host, mirror: against, ...results }, null, 2)}\n`)
} catch (error) {
  if (!(error instanceof BuildFailed)) throw error
  process.stderr.write(`error: ${error.message}\n`)
  process.exitCode = error.exitCode
}
