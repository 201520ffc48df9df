/** `pipeline doctor`: what this host has and lacks, to build and to run each target. */
import { fieldUnknown } from '../errors/commands.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { formatSeconds, gib } from '../plan/format.js'
import { availableMemory, diagnoseTargets, hostNesting, needsOf, readOrNothing } from '../run/diagnosis.js'
import type { Needs, TargetDiagnosis } from '../run/diagnosis.js'
import { hostKernel, openHost } from '../run/host.js'
import { addressesOf } from '../spec/addresses.js'
import { loadAppliance } from '../spec/load.js'
import { loadTargets, targetNames } from '../targets/index.js'
import { askAddresses } from '../tools/answers.js'
import type { Asked } from '../tools/answers.js'
import { childPath } from '../tools/child-env.js'
import { freeBytes } from '../tools/free-space.js'
import { buildNeeds, findTool } from '../tools/need.js'
import { probeAcceleration } from '../tools/probe.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import { defaultAppliance } from './options.js'
import { placesOf } from './places.js'
import type { Places } from './places.js'
import type { DoctorOptions } from './program.js'

interface Acceleration {
  /** `unknown` where there is no QEMU to try it with. */
  readonly acceleration: 'kvm' | 'tcg' | 'unknown'
  readonly accelerationReason: string
}

interface Diagnosis extends Acceleration, Needs {
  readonly programs: readonly { readonly file: string; readonly found: boolean; readonly hint: string }[]
  /** Whether KVM on this host nests, and if not what to do. */
  readonly nested: string
  readonly targets: readonly TargetDiagnosis[]
  /** Of the appliance that was named. */
  readonly addresses?: readonly Asked[]
}

const fields = ['acceleration'] as const

/**
 * Prints the diagnosis; what is lacking is said in it and is no error: whoever asks wants to know. With an appliance,
 * its addresses are asked, too. Errors: of its description (exit 2).
 */
export async function runDoctor(appliance: string | undefined, options: DoctorOptions, io: CommandIo): Promise<void> {
  if (options.field !== undefined && !fields.some(field => field === options.field)) {
    throw fieldUnknown(options.field, fields)
  }
  const places = placesOf(options)
  if (options.field) {
    printLine(io, (await accelerationOf(places, io)).acceleration)
    return
  }
  const asked = appliance === undefined ? {} : { addresses: await askAppliance(appliance, options) }
  const diagnosis: Diagnosis = { ...(await diagnose(places, io)), ...asked }
  if (options.json) printJson(io, diagnosis)
  else printLine(io, formatDiagnosis(diagnosis))
}

const addressTimeoutMs = 10_000

async function askAppliance(name: string, options: DoctorOptions): Promise<readonly Asked[]> {
  const { spec } = await loadAppliance({ root: placesOf(options).root, name, set: options.set, knownTargets: await targetNames() })
  return await askAddresses(addressesOf(spec.el), addressTimeoutMs)
}

async function diagnose(places: Places, io: CommandIo): Promise<Diagnosis> {
  const path = childPath(io.env)
  const targets = await loadTargets()
  const [accelerated, nested, meminfo, freeDiskBytes, memoryMib] = await Promise.all([
    accelerationOf(places, io), hostNesting(readOrNothing), readOrNothing('/proc/meminfo'), freeBytes(places.state), memoryOf(places),
  ])
  return {
    programs: await Promise.all(buildNeeds().map(async ({ file, hint }) => ({ file, hint, found: (await findTool(file, path)) !== undefined }))),
    ...accelerated,
    ...needsOf({
      memoryMib, freeDiskBytes, targets: ['kvm'], availableBytes: availableMemory(meminfo ?? ''),
      acceleration: accelerated.acceleration === 'kvm' ? 'kvm' : 'tcg',
    }),
    nested,
    targets: await diagnoseTargets(targets, { path, nested, read: readOrNothing }),
  }
}

async function memoryOf({ root }: Places): Promise<number> {
  const { spec } = await loadAppliance({ root, name: defaultAppliance, knownTargets: await targetNames() })
  return spec.hardware.memoryMib
}

async function accelerationOf(places: Places, io: CommandIo): Promise<Acceleration> {
  const host = openHost(io, places.state)
  try {
    const kernel = await hostKernel(places.state)
    const { kind, reason } = await probeAcceleration({ run: host.run, requested: 'auto', ...(kernel ? { kernel } : {}) })
    return { acceleration: kind, accelerationReason: reason }
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'tool-missing') throw error
    return { acceleration: 'unknown', accelerationReason: error.message }
  } finally {
    host.close()
  }
}

function formatDiagnosis(diagnosis: Diagnosis): string {
  const missing = diagnosis.programs.filter(program => !program.found)
  return [
    'To build:',
    ...table([
      ['programs', missing.length === 0 ? 'all found' : 'missing', missing.map(({ file, hint }) => `${file} (${hint})`).join(', ')],
      ['acceleration', diagnosis.acceleration, diagnosis.accelerationReason],
      ...diagnosis.resources.map(({ name, enough, needBytes, freeBytes: free }) =>
        [name, enough ? 'enough' : 'too little', `${gib(needBytes)} needed for one target, ${gib(free)} free`]),
      ['time', `~${formatSeconds(diagnosis.seconds)}`, 'for one target, with nothing stored'],
      ['nesting', diagnosis.nested === 'yes' ? 'on' : 'off', diagnosis.nested === 'yes' ? '' : diagnosis.nested],
    ]),
    '',
    'To run a target on this machine:',
    ...table(diagnosis.targets.map(({ target, hypervisor, runsHere, hint }) => [target, runsHere ? 'yes' : 'no', runsHere ? hypervisor : hint])),
    ...formatAddresses(diagnosis.addresses),
  ].join('\n')
}

function formatAddresses(asked: readonly Asked[] = []): string[] {
  if (asked.length === 0) return []
  const silent = asked.flatMap(({ address, problem }) => (problem === undefined ? [] : [`  ${address} (${problem})`]))
  return ['', `addresses: ${asked.length - silent.length} of ${asked.length} answer`, ...silent]
}

/** Rows of cells, the last of which may be long. */
function table(rows: readonly (readonly string[])[]): string[] {
  const widths = [0, 1].map(column => Math.max(...rows.map(row => (row[column] ?? '').length)))
  return rows.map(row => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ')}`.trimEnd())
}
