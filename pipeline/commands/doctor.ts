/** `pipeline doctor`: what this host has and lacks. */
import { fieldUnknown } from '../errors/commands.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { gib } from '../plan/format.js'
import { hostKernel, openHost } from '../run/host.js'
import { addressesOf } from '../spec/addresses.js'
import { loadAppliance } from '../spec/load.js'
import { loadTargets } from '../targets/index.js'
import { askAddresses } from '../tools/answers.js'
import type { Asked } from '../tools/answers.js'
import { childPath } from '../tools/child-env.js'
import { freeBytes } from '../tools/free-space.js'
import { buildNeeds, findTool } from '../tools/need.js'
import { probeAcceleration } from '../tools/probe.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import { placesOf } from './places.js'
import type { DoctorOptions } from './program.js'

interface Diagnosis {
  readonly programs: readonly { readonly file: string; readonly found: boolean; readonly hint: string }[]
  readonly acceleration: string
  readonly accelerationReason: string
  readonly freeBytes: number
  /** Of the appliance that was named. */
  readonly addresses?: readonly Asked[]
}

const addressTimeoutMs = 10_000

async function askAppliance(name: string, options: DoctorOptions): Promise<readonly Asked[]> {
  const knownTargets = (await loadTargets()).map(target => target.name)
  const { spec } = await loadAppliance({ root: placesOf(options).root, name, set: options.set, knownTargets })
  return await askAddresses(addressesOf(spec.el), addressTimeoutMs)
}

const fields = ['acceleration'] as const

/** Prints the diagnosis; lacking programs are part of it. With an appliance, its addresses are asked, too. Errors: of its description (exit 2). */
export async function runDoctor(appliance: string | undefined, options: DoctorOptions, io: CommandIo): Promise<void> {
  if (options.field !== undefined && !fields.some(field => field === options.field)) {
    throw fieldUnknown(options.field, fields)
  }
  const asked = appliance === undefined ? {} : { addresses: await askAppliance(appliance, options) }
  const diagnosis = { ...(await diagnose(options, io)), ...asked }
  if (options.field) printLine(io, diagnosis.acceleration)
  else if (options.json) printJson(io, diagnosis)
  else printLine(io, formatDiagnosis(diagnosis))
}

async function diagnose(options: DoctorOptions, io: CommandIo): Promise<Diagnosis> {
  const places = placesOf(options)
  const programs = await Promise.all(
    buildNeeds().map(async ({ file, hint }) => ({ file, hint, found: (await findTool(file, childPath(io.env))) !== undefined }))
  )
  const host = openHost(io, places.state)
  try {
    const kernel = await hostKernel(places.state)
    const { kind, reason } = await probeAcceleration({ run: host.run, requested: 'auto', ...(kernel ? { kernel } : {}) })
    return { programs, acceleration: kind, accelerationReason: reason, freeBytes: await freeBytes(places.state) }
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'tool-missing') throw error
    return { programs, acceleration: 'unknown', accelerationReason: error.message, freeBytes: await freeBytes(places.state) }
  } finally {
    host.close()
  }
}

function formatDiagnosis(diagnosis: Diagnosis): string {
  const missing = diagnosis.programs.filter(program => !program.found)
  return [
    `programs: ${missing.length === 0 ? 'all found' : 'missing'}`,
    ...missing.map(program => `  ${program.file} (${program.hint})`),
    `acceleration: ${diagnosis.acceleration} (${diagnosis.accelerationReason})`,
    `free disk: ${gib(diagnosis.freeBytes)}`,
    ...formatAddresses(diagnosis.addresses),
  ].join('\n')
}

function formatAddresses(asked: readonly Asked[] = []): string[] {
  if (asked.length === 0) return []
  const silent = asked.flatMap(({ address, problem }) => (problem === undefined ? [] : [`  ${address} (${problem})`]))
  return [`addresses: ${asked.length - silent.length} of ${asked.length} answer`, ...silent]
}
