/** `pipeline build`: runs the stages in order and prints the release's folder. */
import { join } from 'node:path'
import { stageUnknown } from '../errors/commands.js'
import { stageNames } from '../plan/plan.js'
import type { StageName } from '../plan/plan.js'
import { buildStages } from '../run/build.js'
import type { BuildStages, GoldenDisk } from '../run/build.js'
import { removeLeftovers } from '../run/clean.js'
import { openHost } from '../run/host.js'
import { reapLeases } from '../run/lease.js'
import { acquireLock } from '../run/lock.js'
import { runSteps } from '../run/progress.js'
import type { Step } from '../run/progress.js'
import { requireWritable } from '../stages/export.js'
import type { DiskResult } from '../stages/install.js'
import type { MediaResult } from '../stages/media.js'
import type { ProvisionResult } from '../stages/provision.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { BuildOptions } from './options.js'
import { placesOf } from './places.js'
import { openSession, requireSpace } from './session.js'
import type { Session } from './session.js'

export async function runBuild(appliance: string, options: BuildOptions, io: CommandIo): Promise<void> {
  const until = stageNamed(options.until ?? 'verify')
  const { state } = placesOf(options)
  const host = openHost(io, state)
  const release = await acquireLock(join(state, 'locks'), {
    store: join(state, 'store'),
    purpose: `build ${appliance}`,
    wait: options.wait,
    signal: host.signal,
    onWait: holder => io.stderr.write(`Waiting for process ${holder.pid}, which uses this store too (${holder.purpose}).\n`),
  })
  try {
    await reapLeases(join(state, 'leases'), line => io.stderr.write(`${line}\n`))
    for (const name of await removeLeftovers(join(state, 'store'))) {
      io.stderr.write(`Removed ${name}, left by a build that was killed.\n`)
    }
    const session = await openSession(appliance, options, { host, io, until })
    const { build, release: folder } = session
    requireSpace(session, state)
    await requireWritable(folder)
    const stages = buildStages(build, session.host)
    await runSteps(stepsOf(stages, session), io.stderr)
    if (options.json) printJson(io, { release: folder, version: build.version, targets: build.targets.map(({ name }) => name) })
    else printLine(io, folder)
  } finally {
    release()
    host.close()
  }
}

/** The steps of the plan, which ends with the stage of --until. They run in order, so each finds what came before it. */
function stepsOf(stages: BuildStages, { plan, release }: Session): readonly Step[] {
  let media!: MediaResult
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
  return plan.stages.flatMap(({ name, cached }) => {
    const run = runs[name]
    return run ? [{ name, stored: cached, run }] : []
  })
}

function stageNamed(name: string): StageName {
  const found = stageNames.find(stage => stage === name)
  if (!found) throw stageUnknown(name, stageNames)
  return found
}
