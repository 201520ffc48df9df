/** What build and plan share: a prepared build, the host it runs on, its store and its plan. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { diskTooSmall } from '../errors/commands.js'
import { assemblePlan } from '../plan/plan.js'
import type { Plan, StageFacts } from '../plan/plan.js'
import { gib } from '../plan/format.js'
import type { BuildHost } from '../run/build.js'
import { hostKernel } from '../run/host.js'
import type { Host } from '../run/host.js'
import { prepareBuild } from '../run/prepare.js'
import type { PreparedBuild } from '../run/prepare.js'
import { openStore } from '../run/store.js'
import { exportedTargets } from '../stages/export.js'
import { freeBytes } from '../tools/free-space.js'
import { probeAcceleration } from '../tools/probe.js'
import type { CommandIo } from './io.js'
import { defaultAppliance } from './options.js'
import type { BuildOptions } from './options.js'
import { placesOf } from './places.js'

export interface Session {
  readonly build: PreparedBuild
  readonly host: BuildHost
  readonly release: string
  readonly plan: Plan
}

/** Errors: those of prepareBuild; `disk-too-small` is left to the caller, who may only want to look. */
export async function openSession(
  appliance: string = defaultAppliance,
  options: BuildOptions,
  { host, io }: { readonly host: Host; readonly io: CommandIo }
): Promise<Session> {
  const places = placesOf(options)
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
      ...(options.mirror ? { mirror: options.mirror } : {}),
      ...(options.version ? { version: options.version } : {}),
    },
    host.run,
    host.signal
  )
  const store = openStore(join(places.state, 'store'), line => io.stderr.write(`warning: ${line}\n`))
  const buildHost: BuildHost = {
    run: host.run,
    runPiped: host.runPiped,
    signal: host.signal,
    logDirectory,
    templates: places.templates,
    store,
    acceleration: probeOnce(options, host, io),
    qemuBinary: 'qemu-system-x86_64',
    guardEnvironment: () => ({}),
  }
  const release = join(places.artifacts, `${build.spec.name}-${build.version}`)
  const plan = await planOf(build, buildHost, { release, state: places.state, accel: options.accel, host })
  return { build, host: buildHost, release, plan }
}

/** Errors: `disk-too-small` (exit 3) with both numbers. */
export function requireSpace({ plan }: Session, state: string): void {
  if (plan.needBytes > plan.freeBytes) throw diskTooSmall(gib(plan.needBytes), gib(plan.freeBytes), state)
}

/** One probe for a build, and one line that says why it goes on in emulation. */
function probeOnce(options: BuildOptions, host: Host, io: CommandIo): BuildHost['acceleration'] {
  let probed: ReturnType<typeof probeAcceleration> | undefined
  return kernel => {
    probed ??= probeAcceleration({ run: host.run, requested: options.accel, kernel }).then(found => {
      if (found.kind === 'tcg') io.stderr.write(`No hardware acceleration: ${found.reason}. Going on in emulation.\n`)
      return found
    })
    return probed
  }
}

interface PlanContext {
  readonly release: string
  readonly state: string
  readonly accel: BuildOptions['accel']
  readonly host: Host
}

async function planOf(build: PreparedBuild, host: BuildHost, context: PlanContext): Promise<Plan> {
  const wanted = build.targets.map(({ name }) => ({ name, key: build.exportKeys[name] ?? '' }))
  const held = await exportedTargets(context.release, wanted)
  const stages: StageFacts[] = [{ name: 'render', key: '', cached: false, why: 'always', commands: [] }]
  for (const name of ['media', 'install', 'provision', 'audit'] as const) {
    const { key, inputs } = build.stages[name]
    const cached = (await host.store.lookup(name, inputs)) !== undefined
    const [last] = await host.store.history(name)
    const why = cached ? '' : await host.store.explain(name, inputs)
    stages.push({ name, key, cached, why, commands: [], ...(last ? { lastSeconds: last.seconds } : {}) })
  }
  const exported = held.length === wanted.length
  stages.push({ name: 'export', key: build.stages.audit.key, cached: exported, commands: [] })
  const kernel = await hostKernel(context.state)
  const { kind } = await probeAcceleration({ run: host.run, requested: context.accel, ...(kernel ? { kernel } : {}) })
  return assemblePlan({
    appliance: build.spec.name,
    version: build.version,
    targets: build.targets.map(target => target.name),
    release: context.release,
    stages,
    acceleration: kind,
    freeBytes: await freeBytes(context.state),
  })
}
