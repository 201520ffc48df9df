/** Finds out whether KVM really runs a kernel here, and falls back to emulation with the reason. */
import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { kvmUnusable, qemuVersionUnknown } from '../errors/qemu.js'
import { PipelineError } from '../errors/pipeline-error.js'
import type { Acceleration } from './acceleration.js'
import type { Run, RunOptions } from './command.js'
import { runsThreaded, vmArguments } from './vm-arguments.js'

export type AccelerationWish = 'auto' | 'kvm' | 'tcg'

export interface ProbeOptions {
  readonly run: Run
  readonly requested: AccelerationWish
  /** A Linux kernel image (bzImage); no initrd is needed. Absent (before the media stage): only the device is looked at. */
  readonly kernel?: string
  /** @default qemu-system-x86_64 */
  readonly qemuBinary?: string
  /** Environment of the QEMU command, for a guard in front of it. */
  readonly env?: Readonly<Record<string, string>>
  /** @default /dev/kvm */
  readonly device?: string
  /** How long the kernel may take, ms; a working KVM needs one to three seconds. @default 10000 */
  readonly timeoutMs?: number
}

/**
 * What a kernel without a root says last. An earlier line is no proof: on some hosts the firmware and the kernel's
 * first kilobytes run, and then nothing more.
 */
const kernelRan = /Unable to mount root fs/

/** Emulation was measured 5 to 6 times slower than KVM with two threads, and about twice that with one. */
const slowness = { threaded: 6, single: 10 }

export interface Trouble {
  readonly reason: string
  readonly fixes: readonly string[]
}

/**
 * How VMs are run on this host. Errors: `kvm-unusable` (exit 3) with `--accel kvm`, `tool-missing` (3),
 * `qemu-version-unknown` (3), `interrupted` (130).
 */
export async function probeAcceleration(options: ProbeOptions): Promise<Acceleration> {
  const qemuVersion = await askQemuVersion(options.run)
  if (options.requested === 'tcg') return emulated('--accel tcg was given', qemuVersion)
  const trouble = (await lookAtDevice(options.device)) ?? (await bootKernel(options, qemuVersion))
  if (!trouble) {
    const reason = options.kernel === undefined ? '/dev/kvm opens (no kernel was booted yet)' : 'a kernel booted with KVM'
    return { kind: 'kvm', reason, qemuVersion, timeoutFactor: 1 }
  }
  if (options.requested === 'kvm') throw kvmUnusable(trouble.reason, trouble.fixes)
  return emulated(trouble.reason, qemuVersion)
}

/** Plain QEMU, not the guard: a question for the version starts no VM. Errors: `qemu-version-unknown`, those of Run. */
export async function askQemuVersion(run: Run, qemu = 'qemu-system-x86_64', env: Readonly<Record<string, string>> = {}): Promise<string> {
  const { stdout } = await run([qemu, '--version'], { env, reason: 'start virtual machines' })
  const version = /version (\d+\.\d+\.\d+)/.exec(stdout)?.[1]
  if (version === undefined) throw qemuVersionUnknown(stdout.split('\n')[0] ?? '')
  return version
}

function emulated(reason: string, qemuVersion: string): Acceleration {
  const threaded = runsThreaded({ kind: 'tcg', qemuVersion })
  return { kind: 'tcg', reason, qemuVersion, timeoutFactor: threaded ? slowness.threaded : slowness.single }
}

/** First look, without a VM: undefined when the device can be opened for reading and writing. */
async function lookAtDevice(device = '/dev/kvm'): Promise<Trouble | undefined> {
  try {
    await (await open(device, constants.O_RDWR)).close()
    return undefined
  } catch (error) {
    return deviceTrouble(device, (error as NodeJS.ErrnoException).code ?? 'unknown error')
  }
}

/** Why a device could not be opened, and what helps. @param code of the system's error */
export function deviceTrouble(device: string, code: string): Trouble {
  const denied = code === 'EACCES' || code === 'EPERM'
  if (denied) return { reason: `${device} may not be opened (${code})`, fixes: permissionFixes }
  return { reason: `${device} cannot be opened (${code})`, fixes: moduleFixes }
}

async function bootKernel(options: ProbeOptions, qemuVersion: string): Promise<Trouble | undefined> {
  const { kernel } = options
  if (kernel === undefined) return undefined
  const lines: string[] = []
  const runOptions: RunOptions = {
    onLine: line => void lines.push(line),
    timeoutMs: options.timeoutMs ?? 10_000,
    reason: 'see whether KVM works',
    ...(options.env ? { env: options.env } : {}),
  }
  try {
    await options.run(probeCommand({ ...options, kernel }, qemuVersion), runOptions)
  } catch (error) {
    if (!(error instanceof PipelineError) || !/^tool-(failed|timeout|signal)$/.test(error.code)) throw error
  }
  if (lines.some(line => kernelRan.test(line))) return undefined
  const last = lines.map(line => line.trim()).findLast(line => line !== '')
  const said = last === undefined ? 'printed nothing' : `got no further than "${last.slice(0, 160)}"`
  return { reason: `/dev/kvm opens, but a kernel started with it ${said}`, fixes: nestedFixes }
}

/** panic=-1 resets at once, which -no-reboot turns into QEMU's end. */
function probeCommand(options: ProbeOptions & { readonly kernel: string }, qemuVersion: string) {
  const kvm: Acceleration = { kind: 'kvm', reason: '', qemuVersion, timeoutFactor: 1 }
  return [
    options.qemuBinary ?? 'qemu-system-x86_64',
    ...vmArguments(kvm, { cpus: 1, memoryMib: 256 }),
    '-nodefaults', '-display', 'none', '-no-reboot', '-serial', 'stdio', '-monitor', 'none',
    '-kernel', options.kernel,
    '-append', 'console=ttyS0 earlyprintk=ttyS0 panic=-1',
  ] as const
}

const permissionFixes = [
  'Join the device\'s group and log in again: sudo usermod -aG kvm "$USER"',
  'Where /dev/kvm has no group kvm, add a udev rule: KERNEL=="kvm", GROUP="kvm", MODE="0660" in /etc/udev/rules.d/65-kvm.rules',
]

const moduleFixes = [
  'Load the module: sudo modprobe kvm_intel (or kvm_amd); see dmesg when that fails',
  'Turn on VT-x or AMD-V in this machine\'s firmware',
  'If this machine is itself a VM, turn on nested virtualisation for it on its hypervisor (kvm_intel or kvm_amd: nested=1, CPU host-passthrough)',
  'In a container, hand the device in: --device /dev/kvm',
]

const nestedFixes = [
  'If this machine is itself a VM, its hypervisor\'s nested virtualisation is off or broken: on the hypervisor, cat /sys/module/kvm_intel/parameters/nested (or kvm_amd) must say Y or 1',
  'Give this VM the hypervisor\'s own CPU model (host-passthrough), and look at dmesg for lines of kvm',
]
