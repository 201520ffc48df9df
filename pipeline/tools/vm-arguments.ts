/** The arguments that every VM of ours shares: machine, acceleration, CPU model, cores, memory. */
import type { Acceleration } from './acceleration.js'

export interface VmSize {
  readonly cpus: number
  readonly memoryMib: number
  /** QEMU's machine type. @default q35 */
  readonly machine?: string
}

/**
 * First major version of QEMU whose multi-threaded emulation is used. Shown good: 10.0. With 7.2 a guest kernel
 * panics after a minute or so (it patches its own code, the other thread runs a stale translation); 8 and 9 were
 * not tried.
 */
const multiThreadedSince = 10

/**
 * Flat list of arguments. In emulation the CPU is an EPYC: QEMU emulates AMD's nested virtualisation, not Intel's,
 * and EPYC is the smallest model that has it and that Incus and Debian's kernel are content with.
 */
export function vmArguments(acceleration: Acceleration, size: VmSize): string[] {
  const threads = runsThreaded(acceleration)
  const accel = { kvm: 'kvm', tcg: threads ? 'tcg,thread=multi' : 'tcg,thread=single' }[acceleration.kind]
  return [
    '-machine', size.machine ?? 'q35',
    '-accel', accel,
    '-cpu', { kvm: 'host', tcg: 'EPYC' }[acceleration.kind],
    '-smp', String(threads ? size.cpus : 1),
    '-m', String(size.memoryMib),
  ]
}

/** False where a second virtual CPU would only take turns with the first. */
export function runsThreaded({ kind, qemuVersion, oneThread }: Pick<Acceleration, 'kind' | 'qemuVersion' | 'oneThread'>): boolean {
  return kind === 'kvm' || (oneThread !== true && majorVersion(qemuVersion) >= multiThreadedSince)
}

/** Debian's epoch (`1:10.0.2+ds-2`) is not part of QEMU's version. */
function majorVersion(version: string): number {
  return Number.parseInt(version.replace(/^\d+:/, ''), 10)
}

/** The list as Packer's `qemuargs` wants it: one array for each option, with its value. */
export function packerPairs(args: readonly string[]): string[][] {
  const pairs: string[][] = []
  for (const word of args) {
    const pair = pairs.at(-1)
    if (word.startsWith('-') || !pair) pairs.push([word])
    else pair.push(word)
  }
  return pairs
}
