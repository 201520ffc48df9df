/** Starts one guest on the Xen host with the exported script, configuration and disk; its console is the VM's serial port. */
import { readFile, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { xenHostFailed } from '../errors/verify.js'
import type { Spec } from '../spec/types.js'
import type { XenBootPlan } from '../targets/types.js'
import { askQemuVersion } from '../tools/probe.js'
import { startVm } from '../tools/vm.js'
import type { RunningVm } from '../tools/vm.js'
import { xenHostCommand, xenHostFiles } from '../tools/xen-host.js'
import { packExt4, writeTree } from './file-tree.js'
import { followLog } from './follow.js'
import { bootLabel, bootLogs } from './verify-report.js'
import { mannersOf } from './verify-manners.js'
import type { XenHost } from './verify-xen-host.js'
import type { VmContext } from './types.js'

export interface XenStart {
  readonly spec: Spec
  readonly target: string
  readonly plan: XenBootPlan
  readonly host: XenHost
  readonly emulator: Emulator
  /** The target's folder in the release. */
  readonly release: string
  /** Folder for what this boot writes. */
  readonly directory: string
}

export interface XenGuest {
  readonly running: RunningVm
  /** Versions, as the host says them. */
  readonly host: string
  readonly serialLog: string
}

/** Limit with KVM for hypervisor, Debian and `xl create`; emulation multiplies it. */
const startMs = 60_000
/** A disk format that grows gets this much room behind what it holds now. */
const growthBytes = 16 * 1024 ** 3

/** Errors: `xen-host-failed` (exit 5), those of Run. */
export async function startXenGuest(start: XenStart, context: VmContext): Promise<XenGuest> {
  const label = bootLabel(start.target, start.plan.name)
  const { serial: serialLog, qemu: qemuLog } = bootLogs(context.logDirectory, label)
  const hostLog = join(context.logDirectory, `${label}.host.log`)
  await Promise.all([hostLog, serialLog, qemuLog].map(path => rm(path, { force: true })))
  const job = await makeJobDisk(start, context)
  const exported = await layOverlay(start, context)
  const { qemuBinary, acceleration } = context
  const vm = { qemuBinary, acceleration, guestMemoryMib: start.spec.hardware.memoryMib, job, exported, hostLog }
  const running = await startVm({
    run: context.run,
    command: wires => xenHostCommand({ ...vm, ...wires }),
    cwd: start.host.directory,
    guestPorts: Object.values(mannersOf(start.spec).ports),
    env: { ...context.guardEnvironment(label), ...start.emulator.env },
    serialLog,
    qemuLog,
  })
  // Without its guest the host is of no more use, and a console that closes is how whoever reads it sees the end.
  const host = listenToHost(hostLog, startMs * acceleration.timeoutFactor, () => void running.stop())
  const gone = running.serial.closed.then(async () => {
    await host.close()
    throw host.fail('it ended')
  })
  try {
    return { running, serialLog, host: await Promise.race([host.started, gone]) }
  } catch (error) {
    await running.stop()
    throw error
  }
}

/** The QEMU that the host runs in. */
export interface Emulator {
  /** For the guard that starts it. */
  readonly env: Readonly<Record<string, string>>
  readonly version: string
}

/**
 * A fully virtualised guest that is emulated runs in the QEMU of the host's own Debian, 7.2: in 10.0.2 its reading of CR2
 * ends at Xen as if CR0 had been read, which Xen traps, and gives 0; Linux halts at its first page fault.
 * Errors: those of `askQemuVersion`.
 */
export async function chooseEmulator(plan: XenBootPlan, host: XenHost, { run, acceleration }: VmContext): Promise<Emulator> {
  if (plan.virtualisation === 'para' || acceleration.kind === 'kvm') return { env: {}, version: acceleration.qemuVersion }
  const env = { PIPELINE_QEMU: host.emulator, PIPELINE_XEN_EMULATOR: join(host.directory, xenHostFiles.emulator) }
  return { env, version: await askQemuVersion(run, host.emulator, env) }
}

async function makeJobDisk({ plan, host, release, directory }: XenStart, context: VmContext): Promise<string> {
  const guest = plan.files.map(async name => ({ path: `guest/${name}`, mode: 0o755, content: await readFile(join(release, name)) }))
  const files = [
    { path: 'install.sh', mode: 0o755, content: await readFile(host.program) },
    { path: 'arguments', mode: 0o644, content: Buffer.from(`${plan.arguments.join('\n')}\n`) },
    ...(await Promise.all(guest)),
  ]
  const [tree, image] = [join(directory, 'job'), join(directory, 'job.img')]
  await writeTree(tree, files)
  await packExt4({ directory: tree, files, image }, context.run)
  return image
}

/** The bytes of the exported file, whatever its format: Xen gets the file and not what another QEMU reads in it. */
async function layOverlay({ plan, release, directory }: XenStart, { run }: VmContext) {
  const [base, path] = [join(release, plan.disk), join(directory, 'exported.qcow2')]
  const { size } = await stat(base)
  const bytes = plan.diskFormat === 'raw' ? size : size + growthBytes
  await run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', base, '-F', 'raw', '--', path, String(bytes)], {
    reason: 'boot an artifact under Xen',
  })
  return { path, format: 'qcow2' }
}

/** Lines of templates/xen-host/start-guest. */
const word = /^XEN (?<word>host|started|failed|ended): (?<what>.*)$/
const lastLineCount = 25

interface HostWords {
  /** What it says of itself, once its guest runs. Errors: `xen-host-failed`. */
  readonly started: Promise<string>
  /** The error for a host that said nothing itself. */
  readonly fail: (reason: string) => Error
  readonly close: () => Promise<void>
}

/** Follows the log that QEMU writes of the host's console. @param onEnd called when the guest is gone */
export function listenToHost(log: string, timeoutMs: number, onEnd: () => void): HostWords {
  const lines: string[] = []
  const fail = (reason: string) => xenHostFailed(reason, log, lines)
  const on: Record<string, (what: string) => void> = { ended: onEnd }
  const unfollow = followLog(log, raw => {
    const line = raw.trimEnd()
    if (line === '') return
    lines.push(line)
    if (lines.length > lastLineCount) lines.shift()
    const found = word.exec(line)?.groups
    if (found) on[found['word'] ?? '']?.(found['what'] ?? '')
  })
  let versions = ''
  let timer: NodeJS.Timeout | undefined
  const started = new Promise<string>((resolve, reject) => {
    timer = setTimeout(() => reject(fail(`it was not ready within ${timeoutMs / 1000} s`)), timeoutMs)
    on['host'] = what => void (versions = what)
    on['started'] = () => resolve(versions)
    on['failed'] = what => reject(fail(what))
  }).finally(() => clearTimeout(timer))
  const close = () => {
    clearTimeout(timer)
    return unfollow()
  }
  return { started, fail, close }
}
