/** The plan: what a build will do, as data. Assembled purely; printing and running are done elsewhere. */
import type { AccelerationKind } from '../tools/acceleration.js'
import { estimate } from './estimates.js'

/** Order and names of the stages; the words are file names, journal keys and log words. */
export const stageNames = ['render', 'media', 'install', 'provision', 'audit', 'export', 'verify'] as const
export type StageName = (typeof stageNames)[number]

export interface StageFacts {
  readonly name: StageName
  /** Hash of all inputs; empty for render, which is done each time. */
  readonly key: string
  readonly cached: boolean
  /** Why it is not cached, for people: "first-boot/steps/20-network changed". */
  readonly why?: string
  /** Seconds the last run of this stage took on this store, if it ever ran. */
  readonly lastSeconds?: number
  readonly commands: readonly string[]
}

export interface PlannedStage {
  readonly name: StageName
  readonly key: string
  readonly cached: boolean
  readonly why: string
  readonly commands: readonly string[]
  /** Expected seconds; 0 when cached. */
  readonly seconds: number
  /** Peak bytes on the disk while the stage runs and what stays after it; 0 when cached. */
  readonly diskBytes: number
}

/** What one target's export will write. */
export interface PlannedExport {
  readonly target: string
  readonly files: readonly { readonly name: string; readonly bytes: number }[]
  /** Files, and room that is needed while they are written. */
  readonly diskBytes: number
  /** What programs of others read of the golden disk for themselves; all else reads it once. */
  readonly reads: readonly { readonly program: string; readonly what: string; readonly estimatedBytes: number }[]
}

export interface Plan {
  readonly formatVersion: 1
  readonly appliance: string
  readonly version: string
  readonly targets: readonly string[]
  /** Where the release will lie. */
  readonly release: string
  readonly stages: readonly PlannedStage[]
  /** Of the targets that the release does not hold yet. */
  readonly exports: readonly PlannedExport[]
  readonly seconds: number
  readonly needBytes: number
  readonly freeBytes: number
}

export interface PlanInput {
  readonly appliance: string
  readonly version: string
  readonly targets: readonly string[]
  readonly release: string
  readonly stages: readonly StageFacts[]
  readonly exports: readonly PlannedExport[]
  readonly acceleration: AccelerationKind
  readonly freeBytes: number
}

/** Pure: adds expectations to the facts. */
export function assemblePlan(input: PlanInput): Plan {
  const stages = input.stages.map(facts => plannedStage(facts, input))
  return {
    formatVersion: 1,
    appliance: input.appliance,
    version: input.version,
    targets: input.targets,
    release: input.release,
    stages,
    exports: input.exports,
    seconds: sum(stages.map(stage => stage.seconds)),
    needBytes: sum(stages.map(stage => stage.diskBytes)),
    freeBytes: input.freeBytes,
  }
}

function plannedStage(facts: StageFacts, input: PlanInput): PlannedStage {
  const expected = estimate(facts.name, input.acceleration, facts.name === 'export' ? input.exports.length : input.targets.length)
  return {
    name: facts.name,
    key: facts.key,
    cached: facts.cached,
    why: facts.cached ? '' : (facts.why ?? 'first run'),
    commands: facts.commands,
    seconds: facts.cached ? 0 : Math.round(facts.lastSeconds ?? expected.seconds),
    diskBytes: facts.cached ? 0 : facts.name === 'export' ? sum(input.exports.map(each => each.diskBytes)) : expected.diskBytes,
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}
