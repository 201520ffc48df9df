/** `pipeline build`: runs the stages in order and prints the release's folder. */
import { join } from 'node:path'
import { stageUnknown } from '../errors/commands.js'
import { stageNames } from '../plan/plan.js'
import type { StageName } from '../plan/plan.js'
import { formatSeconds } from '../plan/format.js'
import { buildStages } from '../run/build.js'
import type { BuildStages, Progress } from '../run/build.js'
import { removeLeftovers } from '../run/clean.js'
import { openHost } from '../run/host.js'
import { acquireLock } from '../run/lock.js'
import { requireWritable } from '../stages/export.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { BuildOptions } from './options.js'
import { placesOf } from './places.js'
import { openSession, requireSpace } from './session.js'

export async function runBuild(appliance: string, options: BuildOptions, io: CommandIo): Promise<void> {
  const until = stageNamed(options.until ?? 'verify')
  const host = openHost(io)
  const { state } = placesOf(options)
  const release = await acquireLock(join(state, 'locks'), {
    store: join(state, 'store'),
    purpose: `build ${appliance}`,
    wait: options.wait,
    signal: host.signal,
    onWait: holder => io.stderr.write(`Waiting for process ${holder.pid}, which uses this store too (${holder.purpose}).\n`),
  })
  try {
    for (const name of await removeLeftovers(join(state, 'store'))) {
      io.stderr.write(`Removed ${name}, left by a build that was killed.\n`)
    }
    const session = await openSession(appliance, options, { host, io })
    const { build, release: folder } = session
    requireSpace(session, state)
    await requireWritable(folder)
    const stages = buildStages(build, session.host)
    await runStages(stages, folder, { until, step: (name, run) => step(name, run, io) })
    if (options.json) printJson(io, { release: folder, version: build.version, targets: build.targets.map(({ name }) => name) })
    else printLine(io, folder)
  } finally {
    release()
    host.close()
  }
}

interface Steps {
  readonly until: StageName
  readonly step: <Result>(name: StageName, run: (progress: Progress) => Promise<Result>) => Promise<Result>
}

async function runStages(stages: BuildStages, release: string, { until, step }: Steps): Promise<void> {
  if (until === 'render') return
  const media = await step('media', progress => stages.media(progress))
  if (until === 'media') return
  const base = await step('install', progress => stages.install(media, progress))
  if (until === 'install') return
  const provisioned = await step('provision', progress => stages.provision(base, media.kernel, progress))
  if (until === 'provision') return
  const golden = await step('audit', progress => stages.audit(provisioned, progress))
  if (until === 'audit') return
  await step('export', progress => stages.export(golden, release, progress))
  if (until === 'export') return
  await step('verify', progress => stages.verify(golden, media.kernel, release, progress))
}

async function step<Result>(name: StageName, run: (progress: Progress) => Promise<Result>, io: CommandIo): Promise<Result> {
  const started = Date.now()
  io.stderr.write(`${name}: started\n`)
  const result = await run(line => io.stderr.write(`${name}: ${line}\n`))
  io.stderr.write(`${name}: completed in ${formatSeconds((Date.now() - started) / 1000)}\n`)
  return result
}

function stageNamed(name: string): StageName {
  const found = stageNames.find(stage => stage === name)
  if (!found) throw stageUnknown(name, stageNames)
  return found
}
