/** `pipeline build`: runs the stages in order and prints the release's folder. */
import { existsSync } from 'node:fs'
import { rmdir } from 'node:fs/promises'
import { join } from 'node:path'
import { stageUnknown } from '../errors/commands.js'
import { joinProblems } from '../errors/pipeline-error.js'
import { formatDryRun } from '../plan/format.js'
import { stageNames } from '../plan/plan.js'
import type { StageName } from '../plan/plan.js'
import { buildStages } from '../run/build.js'
import type { BuildStages, GoldenDisk } from '../run/build.js'
import { removeLeftovers } from '../run/clean.js'
import { openHost } from '../run/host.js'
import { reapLeases } from '../run/lease.js'
import type { StoredMedia } from '../run/recipe.js'
import { rehearseExports } from '../run/rehearse.js'
import { runSteps } from '../run/progress.js'
import type { Step } from '../run/progress.js'
import { requireWritable } from '../stages/export.js'
import type { DiskResult } from '../stages/install.js'
import type { ProvisionResult } from '../stages/provision.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { BuildOptions } from './options.js'
import { placesOf } from './places.js'
import { lockStore, openSession, requireSpace } from './session.js'
import type { Session } from './session.js'

/** Errors: those of every stage; `store-locked`, `disk-too-small`, `tool-missing`, `artifacts-not-writable` (exit 3) before the first. */
export async function runBuild(appliance: string, options: BuildOptions, io: CommandIo): Promise<void> {
  const until = stageNamed(options.until ?? 'verify')
  if (options.dryRun) return await printDryRun(appliance, options, io, until)
  await withSession(appliance, { options, io, until }, async session => {
    await runSession(session, placesOf(options).state, io)
    const { build, release } = session
    // A build that ends before the export has no release.
    const made = existsSync(release)
    if (options.json) printJson(io, { ...(made ? { release } : {}), version: build.version, targets: build.targets.map(({ name }) => name) })
    else if (made) printLine(io, release)
  })
}

/** A disk that passed its audit, and the build it is of. */
export interface BuiltDisk {
  readonly session: Session
  readonly golden: GoldenDisk
}

/** Builds up to the audit, or finds that in the store, and gives the disk to `use` while the store is locked. Errors: as runBuild. */
export async function withGoldenDisk(
  appliance: string,
  { options, io }: Pick<SessionRequest, 'options' | 'io'>,
  use: (built: BuiltDisk) => Promise<void>
): Promise<void> {
  await withSession(appliance, { options, io, until: 'audit' }, async session => {
    const golden = await runSession(session, placesOf(options).state, io)
    await use({ session, golden })
  })
}

interface SessionRequest {
  readonly options: BuildOptions
  readonly io: CommandIo
  readonly until: StageName
}

/** What every command that builds does first and last. */
async function withSession(appliance: string, { options, io, until }: SessionRequest, use: (session: Session) => Promise<void>): Promise<void> {
  const { state } = placesOf(options)
  const host = openHost(io, state)
  try {
    const unlock = await lockStore(options, host, io, `build ${appliance}`)
    try {
      await reapLeases(join(state, 'leases'), line => io.stderr.write(`${line}\n`))
      for (const name of await removeLeftovers(state)) {
        io.stderr.write(`Removed ${name}, left by a build that was killed.\n`)
      }
      await use(await openSession(appliance, options, { host, io, until }))
    } finally {
      unlock()
    }
  } finally {
    host.close()
  }
}

/** What would stop a late stage is looked for before the first one. */
async function runSession(session: Session, state: string, io: CommandIo): Promise<GoldenDisk> {
  const { build, plan, release } = session
  if (plan.stages.some(({ name, cached }) => !cached && name !== 'render')) {
    requireSpace(session, state)
    await requireWritable(release)
    await requireTemplates(session)
  }
  try {
    const { steps, golden } = stepsOf(buildStages(build, session.host), session)
    await runSteps(steps, io.stderr)
    return golden()
  } finally {
    // A build that did not come to its export leaves no folder behind; one with files in it is not removed by this.
    await rmdir(release).catch(() => {})
  }
}

/** Found out before the first stage and not when, minutes later, the export comes. Errors: those of the template engine (exit 2). */
async function requireTemplates({ build, host, plan }: Session): Promise<void> {
  if (plan.stages.every(({ name, cached }) => name !== 'export' || cached)) return
  const { spec, targets, exportOptions: options } = build
  const problems = await rehearseExports({ spec, targets, options, templates: host.templates, signal: host.signal })
  if (problems.length > 0) throw joinProblems(problems)
}

async function printDryRun(appliance: string, options: BuildOptions, io: CommandIo, until: StageName): Promise<void> {
  const host = openHost(io)
  try {
    const { plan } = await openSession(appliance, options, { host, io, until, commands: true })
    if (options.json) printJson(io, plan)
    else printLine(io, formatDryRun(plan))
  } finally {
    host.close()
  }
}

/** The steps of the plan, which ends with the stage of --until. They run in order, so each finds what came before it. */
function stepsOf(stages: BuildStages, { plan, release }: Session): { readonly steps: readonly Step[]; readonly golden: () => GoldenDisk } {
  let media!: StoredMedia
  let base!: DiskResult
  let provisioned!: ProvisionResult
  let golden!: GoldenDisk
  const runs: Readonly<Record<StageName, Step['run'] | undefined>> = {
    // Done while the build was prepared: the keys of all stages come from what it renders.
    render: undefined,
    media: async progress => void (media = await stages.media(progress)),
    install: async progress => void (base = await stages.install(media, progress)),
    provision: async progress => void (provisioned = await stages.provision(base, media.kernel, progress)),
    audit: async progress => void (golden = await stages.audit(provisioned, progress)),
    export: async progress => void (await stages.export(golden, release, progress)),
    verify: progress => stages.verify(golden, media.kernel, release, progress),
  }
  const steps = plan.stages.flatMap(({ name, cached }) => {
    const run = runs[name]
    return run ? [{ name, stored: cached, run }] : []
  })
  return { steps, golden: () => golden }
}

function stageNamed(name: string): StageName {
  const found = stageNames.find(stage => stage === name)
  if (!found) throw stageUnknown(name, stageNames)
  return found
}
