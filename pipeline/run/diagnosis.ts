/** What a build needs against what this host has, and which targets this host can run itself. */
import { readFile } from 'node:fs/promises'
import { estimate } from '../plan/estimates.js'
import { stageNames } from '../plan/plan.js'
import type { TargetHost } from '../targets/target-hosts.js'
import type { Target } from '../targets/types.js'
import type { AccelerationKind } from '../tools/acceleration.js'
import { findTool } from '../tools/need.js'

export interface Resource {
  readonly name: 'memory' | 'disk'
  readonly needBytes: number
  readonly freeBytes: number
  readonly enough: boolean
}

export interface TargetDiagnosis {
  readonly target: string
  readonly hypervisor: string
  /** Whether this host has the program that starts it. */
  readonly runsHere: boolean
  /** Whether virtual machines can run inside the appliance here: `yes`, or what to do. */
  readonly nested: string
  /** How to get what is missing; empty where nothing is. */
  readonly hint: string
}

export interface Needs {
  readonly resources: readonly Resource[]
  /** Expected seconds of a whole build with nothing stored. */
  readonly seconds: number
}

const bytesPerMib = 1024 ** 2
/** For QEMU, Packer and the pipeline beside the guest's memory. */
const besideMib = 700

/** Pure. */
export function needsOf(input: {
  readonly memoryMib: number
  readonly targets: readonly string[]
  readonly acceleration: AccelerationKind
  readonly availableBytes: number
  readonly freeDiskBytes: number
}): Needs {
  const stages = stageNames.map(stage => estimate(stage, input.acceleration, input.targets.length))
  const memory = (input.memoryMib + besideMib) * bytesPerMib
  const disk = stages.reduce((sum, stage) => sum + stage.diskBytes, 0)
  return {
    resources: [resource('memory', memory, input.availableBytes), resource('disk', disk, input.freeDiskBytes)],
    seconds: stages.reduce((sum, stage) => sum + stage.seconds, 0),
  }
}

function resource(name: Resource['name'], needBytes: number, freeBytes: number): Resource {
  return { name, needBytes, freeBytes, enough: freeBytes >= needBytes }
}

/** `path` is searched as PATH; `nested` says whether KVM on this host nests, and if not what to do; `read` as `hostNesting`'s. */
export async function diagnoseTargets(
  targets: readonly Pick<Target, 'name' | 'hosts'>[],
  { path, nested, read }: { readonly path: string; readonly nested: string; readonly read: typeof readOrNothing }
): Promise<readonly TargetDiagnosis[]> {
  const found = targets.flatMap(({ name, hosts }) => hosts.map(host => ({ target: name, host })))
  return await Promise.all(
    found.map(async ({ target, host }) => {
      const hint = await lackOf(host, path, read)
      return { target, hypervisor: host.hypervisor, runsHere: hint === '', nested: target === 'kvm' ? nested : host.setting, hint }
    })
  )
}

/** What this machine lacks to be such a host; empty: nothing. */
async function lackOf({ program, besides, shownBy, systems }: TargetHost, path: string, read: typeof readOrNothing): Promise<string> {
  const isHere = async (file: string) => (await findTool(file, path)) !== undefined
  if (program === undefined) return `runs on: ${systems}`
  if (!(await isHere(program.file))) return `${program.file}: ${program.hint}`
  if (besides && !(await Promise.all(besides.anyOf.map(isHere))).includes(true)) return `${program.file}: ${besides.hint}`
  return shownBy === undefined || ((await read(shownBy.file)) ?? '').includes(shownBy.word) ? '' : `runs on: ${systems}`
}

/** `yes`, or the command that switches it on. `read` gives a file's text, or undefined where there is none. */
export async function hostNesting(read: (path: string) => Promise<string | undefined>): Promise<string> {
  const cpus = (await read('/proc/cpuinfo')) ?? ''
  const module = /^vendor_id.*(AMD|Hygon)/m.test(cpus) ? 'kvm_amd' : 'kvm_intel'
  const value = (await read(`/sys/module/${module}/parameters/nested`))?.trim()
  if (value === undefined) return `${module} is not loaded: switch on VT-x or AMD-V in the firmware, then: modprobe ${module}`
  if (/^[Yy1]/.test(value)) return 'yes'
  return `off; with no virtual machine running: echo 'options ${module} nested=1' >/etc/modprobe.d/nested.conf; modprobe -r ${module}; modprobe ${module}`
}

/** Bytes that programs can still have without swapping. */
export function availableMemory(meminfo: string): number {
  return Number(/^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1] ?? 0) * 1024
}

export async function readOrNothing(path: string): Promise<string | undefined> {
  return await readFile(path, 'utf8').catch(() => undefined)
}
