// The export section of ci/bench: all targets in one pass against the same formats made one after another by others'
// programs, on the same disk, side by side. Every number of the issue stands beside its limit.
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { mib, ratio, seconds } from './bench-measure.js'

const root = fileURLToPath(new URL('..', import.meta.url))

const convert = (format, options, extra = []) => (disk, out) => ['qemu-img', 'convert', ...extra, '-f', 'raw', '-O', format, ...(options ? ['-o', options] : []), disk, out]
const stream = convert('vmdk', 'subformat=streamOptimized,adapter_type=lsilogic')
const sparse = convert('vmdk', 'subformat=monolithicSparse,adapter_type=lsilogic')
const tar = (file, name) => (_, out) => ['tar', '--format=ustar', '-cf', out, '-C', file.replace(/\/[^/]*$/, ''), name]

/** What a person would type for a target without this project; `work` is the folder for what lies in between. */
const others = {
  kvm: work => [['disk.qcow2', convert('qcow2', 'compat=1.1', ['-c'])]],
  raw: work => [['disk.raw.zst', (disk, out) => ['zstd', '-q', '-T0', '-f', '-o', out, disk]]],
  vmware: work => [['vmware.vmdk', sparse], ['vmware.zip', (_, out) => ['zip', '-q', '-j', out, join(work, 'vmware.vmdk')]]],
  ova: work => [['ova.vmdk', stream], ['disk.ova', tar(join(work, 'ova.vmdk'), 'ova.vmdk')]],
  virtualbox: work => [['vbox.vmdk', stream], ['vbox.ova', tar(join(work, 'vbox.vmdk'), 'vbox.vmdk')]],
  hyperv: work => [['disk.vhdx', convert('vhdx', 'subformat=dynamic')]],
  xen: () => [['xen.qcow2', convert('qcow2', 'compat=1.1', ['-c'])]],
  // The tool makes no folder, and wants the descriptor beside it.
  xva: work => [
    ['Ref', (_, out) => ['mkdir', out]],
    ['Ref', (disk, out) => ['xva-img', 'disk-import', `${out}/`, disk]],
    ['disk.xva', (_, out) => ['xva-img', 'package', out, join(work, 'Ref/')]],
  ],
  vagrant: work => [
    ['box.img', convert('qcow2', 'compat=1.1', ['-c'])], ['libvirt.box', tar(join(work, 'box.img'), 'box.img')],
    ['vbox-box.vmdk', stream], ['virtualbox.box', tar(join(work, 'vbox-box.vmdk'), 'vbox-box.vmdk')],
    ['vmware-box.vmdk', sparse], ['vmware.box', (_, out) => ['zip', '-q', '-j', out, join(work, 'vmware-box.vmdk')]],
    ['box.vhdx', convert('vhdx', 'subformat=dynamic')], ['hyperv.box', (_, out) => ['zip', '-q', '-j', out, join(work, 'box.vhdx')]],
  ],
  parallels: work => [['disk.hds', convert('parallels')], ['parallels.zip', (_, out) => ['zip', '-q', '-j', out, join(work, 'disk.hds')]]],
}

function timed(command) {
  process.stderr.write(`bench: ${command.join(' ')}\n`)
  const started = performance.now()
  const { error, status, stderr, stdout } = spawnSync(command[0], command.slice(1), { encoding: 'utf8', maxBuffer: 64 * mib })
  if (error?.code === 'ENOENT') throw new Error(`${command[0]} is not installed, which others export with`)
  if (status !== 0) throw new Error(`${command.join(' ')} ended with ${status}: ${stderr}`)
  return { milliseconds: performance.now() - started, stdout }
}

function ours(disk, release, names) {
  return JSON.parse(timed([process.execPath, join(root, 'ci/export-once.js'), disk, release, ...names]).stdout)
}

/** One after the other; each target's own time. */
function theirs(disk, work, names) {
  const times = {}
  for (const name of names) {
    times[name] = 0
    for (const [file, command] of others[name](work)) times[name] += timed(command(disk, join(work, file))).milliseconds
  }
  return times
}

function bytesOf(folder, ending) {
  const name = readdirSync(folder).find(each => each.endsWith(ending))
  return statSync(join(folder, name)).size
}

function digests(release) {
  const { targets } = JSON.parse(readFileSync(join(release, 'manifest.json'), 'utf8'))
  return JSON.stringify(Object.values(targets).map(({ files }) => files))
}

/** @param disk a golden disk; never written to. Everything goes below `work`. */
export async function exportSection(disk, work) {
  const { targetNames } = await import(join(root, 'dist/targets/index.js'))
  const all = await targetNames()
  const names = all.filter(name => name in others)
  const folder = name => {
    mkdirSync(join(work, name), { recursive: true })
    return join(work, name)
  }
  // Once unmeasured: both sides read the disk from the page cache.
  timed(['qemu-img', 'convert', '-f', 'raw', '-O', 'raw', disk, join(folder('warm'), 'disk.raw')])
  rmSync(join(work, 'warm'), { recursive: true })
  const release = folder('release')
  const together = ours(disk, release, names)
  const again = ours(disk, release, names)
  const times = theirs(disk, folder('others'), names)
  const othersSeconds = seconds(Object.values(times).reduce((sum, each) => sum + each, 0))
  const writer = streamWriter(disk, folder('stream'))
  const repeated = ours(disk, folder('repeated'), names)
  const equal = digests(release) === digests(join(work, 'repeated'))
  const section = {
    disk: { virtualMib: statSync(disk).size / mib, allocatedMib: Math.round((statSync(disk).blocks * 512) / mib) },
    targets: names,
    notCompared: all.filter(name => !names.includes(name)),
    together: { ...together, limitPeakMib: 512 },
    oneAfterAnother: { seconds: othersSeconds, each: Object.fromEntries(Object.entries(times).map(([name, each]) => [name, seconds(each)])) },
    speedup: ratio(othersSeconds, together.seconds),
    limitSpeedup: 2,
    streamOptimized: writer,
    unchanged: { seconds: again.seconds, exported: again.exported, limitSeconds: 2 },
    identicalTwice: equal,
    repeated,
  }
  for (const name of ['release', 'others', 'stream', 'repeated']) rmSync(join(work, name), { recursive: true })
  return section
}

/** Our writer of the stream alone against qemu-img's; the OVA is that stream and some kilobytes. */
function streamWriter(disk, work) {
  const mine = ours(disk, work, ['ova'])
  const image = join(work, 'qemu.vmdk')
  const { milliseconds } = timed(stream(disk, image))
  const [ownBytes, qemuBytes] = [bytesOf(join(work, 'ova'), '.ova'), statSync(image).size]
  return {
    seconds: mine.seconds,
    peakMib: mine.peakMib,
    qemuImgSeconds: seconds(milliseconds),
    speedup: ratio(milliseconds / 1000, mine.seconds),
    limitSpeedup: 1.8,
    sizeRatio: ratio(ownBytes, qemuBytes),
    limitSizeRatio: 1.01,
  }
}
