/** What build and plan share: a prepared build, the host it runs on, its store and its plan. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { diskTooSmall, releaseEndsAtInstall } from '../errors/commands.js'
import type { LockHolder } from '../errors/run.js'
import { assemblePlan, stageNames } from '../plan/plan.js'
import type { Plan, PlannedExport, StageFacts, StageName } from '../plan/plan.js'
import { gib } from '../plan/format.js'
import type { BuildHost } from '../run/build.js'
import { scratchOf } from '../run/clean.js'
import { dryRun } from '../run/dry-run.js'
import { hostKernel } from '../run/host.js'
import type { Host } from '../run/host.js'
import { acquireLock, useReleases } from '../run/lock.js'
import { prepareBuild } from '../run/prepare.js'
import type { PreparedBuild } from '../run/prepare.js'
import { openStore } from '../run/store.js'
import { xenHostOf } from '../run/xen-host.js'
import { generationOf } from '../spec/el-rules.js'
import type { Spec } from '../spec/types.js'
import { exportedTargets } from '../stages/export.js'
import { isVerified } from '../stages/verify-release.js'
import { diskName } from '../stages/builder-vm.js'
import { loadTargets, plannedBytes, selectTargets } from '../targets/index.js'
import type { Target } from '../targets/types.js'
import { childPath } from '../tools/child-env.js'
import { allocatedBytes, freeBytes } from '../tools/free-space.js'
import { buildNeeds, checkTools } from '../tools/need.js'
import type { ToolNeed } from '../tools/need.js'
import { probeAcceleration } from '../tools/probe.js'
import type { Acceleration } from '../tools/acceleration.js'
import type { CommandIo } from './io.js'
import { defaultAppliance } from './options.js'
import type { BuildOptions, PlaceOptions } from './options.js'
import { placesOf } from './places.js'

export interface Session {
  readonly build: PreparedBuild
  readonly host: BuildHost
  readonly release: string
  readonly plan: Plan
}

export interface SessionContext {
  readonly host: Host
  readonly io: CommandIo
  /** The last stage of the plan. @default verify */
  readonly until?: StageName
  /** Whether the plan holds the commands: what they read is written into the state folder. @default false */
  readonly commands?: boolean
}

/** Errors: `tool-missing` (exit 3), for all at once; those of prepareBuild; `disk-too-small` is left to the caller, who may only want to look. */
export async function openSession(
  appliance: string = defaultAppliance,
  options: BuildOptions,
  { host, io, until = 'verify', commands = false }: SessionContext
): Promise<Session> {
  const places = placesOf(options)
  // First: what a missing program cannot say of itself would be the end of every later question.
  await checkTools(needsOf(selectTargets(await loadTargets(), options.target)), childPath(io.env))
  const logDirectory = join(places.state, 'logs')
  await mkdir(logDirectory, { recursive: true })
  const build = await prepareBuild(
    {
      root: places.root,
      templates: places.templates,
      state: places.state,
      appliance,
      targets: options.target,
      set: options.set,
      offline: options.offline ?? false,
      exportOptions: { ovaManifest: options.ovaManifest, hypervVhd: options.hypervVhd === true },
      env: io.env,
      signal: host.signal,
      ...(options.mirror ? { mirror: options.mirror } : {}),
      ...(options.version ? { version: options.version } : {}),
    },
    host.run
  )
  requireWayThrough(build.spec, until)
  const warned = new Set<string>()
  const store = openStore(join(places.state, 'store'), line => {
    // Both the plan and the build look a result up.
    if (!warned.has(line)) io.stderr.write(`warning: ${line}\n`)
    warned.add(line)
  })
  const buildHost: BuildHost = {
    run: host.run,
    runPiped: host.runPiped,
    signal: host.signal,
    logDirectory,
    scratch: scratchOf(places.state),
    templates: places.templates,
    store,
    acceleration: probeOnce(options, host, io),
    qemuBinary: host.qemuBinary,
    guardEnvironment: host.guardEnvironment,
    xenHost: xenHostOf({
      store, templates: places.templates, state: places.state, offline: options.offline ?? false,
      env: io.env,
      ...(options.mirror ? { mirror: options.mirror } : {}),
    }),
  }
  const release = join(places.artifacts, `${build.spec.name}-${build.version}`)
  const plan = await planOf(build, buildHost, { release, state: places.state, until, commands })
  return { build, host: buildHost, release, plan }
}

/** Errors: `release-ends-at-install` (exit 2): the stages after install know systemd and GRUB 2 only. */
export function requireWayThrough({ family, release }: Pick<Spec, 'family' | 'release'>, until: StageName): void {
  if (family !== 'el' || generationOf(release) >= 7) return
  if (stageNames.indexOf(until) > stageNames.indexOf('install')) throw releaseEndsAtInstall(release)
}

/** Every program that a build or a verification of these targets runs. */
function needsOf(targets: readonly Target[]): readonly ToolNeed[] {
  // Root needs no user namespace to bootstrap in.
  const own = buildNeeds().filter(({ file }) => file !== 'newuidmap' || process.getuid?.() !== 0)
  const files = new Set(own.map(({ file }) => file))
  return [...own, ...targets.flatMap(target => target.tools).filter(({ file }) => !files.has(file))]
}

/** Takes the store's lock; the function it returns gives it back. Errors: those of `acquireLock`. */
export async function lockStore(
  options: Pick<BuildOptions, 'root' | 'artifacts' | 'store' | 'wait'>,
  host: Host,
  io: CommandIo,
  purpose: string
): Promise<() => void> {
  return await acquireLock(join(placesOf(options).state, 'locks'), { ...lockOptions(options, host, io, purpose), wait: options.wait })
}

/** No clean removes releases or what is kept of them until the function that it returns is called. Errors: those of `useReleases`. */
export async function holdReleases(options: PlaceOptions, host: Host, io: CommandIo, purpose: string): Promise<() => void> {
  return await useReleases(join(placesOf(options).state, 'locks'), lockOptions(options, host, io, purpose))
}

function lockOptions(options: PlaceOptions, { signal }: Host, io: CommandIo, purpose: string): Parameters<typeof useReleases>[1] {
  const onWait = ({ pid, purpose: theirs }: LockHolder) => void io.stderr.write(`Waiting for process ${pid}, which uses this store too (${theirs}).\n`)
  return { store: join(placesOf(options).state, 'store'), purpose, signal, onWait }
}

/** Errors: `disk-too-small` (exit 3) with both numbers. */
export function requireSpace({ plan }: { readonly plan: Pick<Plan, 'needBytes' | 'freeBytes'> }, state: string): void {
  if (plan.needBytes > plan.freeBytes) throw diskTooSmall(gib(plan.needBytes), gib(plan.freeBytes), state)
}

/** One probe for a build, before its list is drawn, and one line that says why it goes on in emulation. */
export function probeOnce(
  options: Pick<BuildOptions, 'accel'>,
  host: Host,
  io: CommandIo
): (kernel: string | undefined) => Promise<Acceleration> {
  let probed: { readonly withKernel: boolean; readonly found: Promise<Acceleration> } | undefined
  return async kernel => {
    // Without a kernel to try, the first answer was a guess.
    if (!probed || (kernel !== undefined && !probed.withKernel && (await probed.found).kind === 'kvm')) {
      const found = probeAcceleration({ run: host.run, requested: options.accel, ...(kernel ? { kernel } : {}) })
      probed = { withKernel: kernel !== undefined, found: found.then(answer => sayLoudly(answer, options, io)) }
    }
    return await probed.found
  }
}

/** Who asked for emulation knows it. */
function sayLoudly(answer: Acceleration, { accel }: Pick<BuildOptions, 'accel'>, io: CommandIo): Acceleration {
  if (answer.kind === 'tcg' && accel !== 'tcg') io.stderr.write(`No hardware acceleration: ${answer.reason}. Going on in emulation.\n`)
  return answer
}

interface PlanContext {
  readonly release: string
  readonly state: string
  readonly until: StageName
  readonly commands: boolean
}

async function planOf(build: PreparedBuild, host: BuildHost, context: PlanContext): Promise<Plan> {
  const wanted = build.targets.map(({ name }) => ({ name, key: build.exportKeys[name] ?? '' }))
  const held = await exportedTargets(context.release, wanted)
  const facts: Omit<StageFacts, 'commands'>[] = [{ name: 'render', key: '', cached: false, why: 'always' }]
  const stored: Partial<Record<StageName, string>> = {}
  for (const name of ['media', 'install', 'provision', 'audit'] as const) {
    const { key, inputs } = build.stages[name]
    const found = await host.store.lookup(name, inputs)
    if (found) stored[name] = found.directory
    const [last] = await host.store.history(name)
    const why = found ? '' : await host.store.explain(name, inputs)
    facts.push({ name, key, cached: found !== undefined, why, ...(last ? { lastSeconds: last.seconds } : {}) })
  }
  const exported = held.length === wanted.length
  if (exported) stored.export = context.release
  facts.push({ name: 'export', key: build.stages.audit.key, cached: exported })
  const verified = exported && (await isVerified(context.release, wanted.map(({ name }) => name)))
  facts.push({ name: 'verify', key: build.stages.audit.key, cached: verified })
  const missing = build.targets.filter(({ name }) => !held.includes(name))
  const exports = await plannedExports(missing, build, stored.provision)
  const planned = facts.slice(0, stageNames.indexOf(context.until) + 1)
  const acceleration = await accelerationOf(planned, host, context.state)
  const directory = join(context.state, 'dry-run', build.spec.name)
  const { release } = context
  const { signal } = host
  const lines = context.commands && acceleration
    ? await dryRun({ build, directory, templates: host.templates, acceleration, signal, release, stored })
    : {}
  const stages = planned.map(stage => ({ ...stage, commands: stage.cached ? [] : (lines[stage.name] ?? []) }))
  return assemblePlan({
    appliance: build.spec.name,
    version: build.version,
    targets: build.targets.map(target => target.name),
    release: context.release,
    stages,
    exports: planned.some(({ name }) => name === 'export') ? exports : [],
    acceleration: acceleration?.kind ?? 'kvm',
    freeBytes: await freeBytes(context.state),
  })
}

/** Bytes in use on a golden disk that is not there yet: that of ciab. */
const assumedUsedBytes = 800 * 1024 ** 2

/** @param provisioned folder of the stored disk */
async function plannedExports(targets: readonly Target[], build: PreparedBuild, provisioned?: string): Promise<readonly PlannedExport[]> {
  const usedBytes = provisioned === undefined ? assumedUsedBytes : await allocatedBytes(join(provisioned, diskName))
  const input = { spec: build.spec, version: build.version, options: build.exportOptions, usedBytes }
  return targets.map(target => ({
    target: target.name,
    files: target.plan(input).map(({ name, estimatedBytes }) => ({ name, bytes: estimatedBytes })),
    diskBytes: plannedBytes(target, input),
    reads: target.reads ?? [],
  }))
}

/** How VMs would run; asked only when one would, for the answer takes seconds. */
async function accelerationOf(stages: readonly Pick<StageFacts, 'name' | 'cached'>[], host: BuildHost, state: string): Promise<Acceleration | undefined> {
  if (stages.every(({ name, cached }) => cached || name === 'render')) return undefined
  return await host.acceleration(await hostKernel(state))
}
