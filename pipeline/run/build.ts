/** Runs a prepared build: each stage from the store or for real, in order; each takes what the one before it gave. */
import { writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Acceleration } from '../tools/acceleration.js'
import type { Run, RunPiped } from '../tools/command.js'
import { mergeGuestNeeds } from '../plan/guest-needs.js'
import { renderFile } from '../render/engine.js'
import { audit } from '../stages/audit.js'
import { diskName } from '../stages/builder-vm.js'
import { exportTargets, exportedTargets } from '../stages/export.js'
import type { DiskResult } from '../stages/install.js'
import { mediaResult } from '../stages/media.js'
import { provision } from '../stages/provision.js'
import type { ProvisionResult } from '../stages/provision.js'
import type { Manifest, PackageList } from '../stages/release-folder.js'
import type { VerifyRequest } from '../stages/verify.js'
import { isVerified, verifyRelease } from '../stages/verify-release.js'
import { requirePassed } from '../stages/verify-report.js'
import type { TargetDeps } from '../targets/types.js'
import type { StageContext, VmContext } from '../stages/types.js'
import { distinctNeedles, keepNeedles, readNeedles } from './needles.js'
import type { PreparedBuild } from './prepare.js'
import type { StoredMedia } from './recipe.js'
import type { Progress } from './progress.js'
import type { Store } from './store.js'

/** What stages need of the host, made once per build. */
export interface BuildHost {
  readonly run: Run
  readonly runPiped: RunPiped
  readonly signal: AbortSignal
  readonly logDirectory: string
  /** For what is of no use after its stage; see `removeLeftovers`. */
  readonly scratch: string
  readonly templates: string
  readonly store: Store
  /** Probed once for a plan and its build; again when at first there was no kernel to try. */
  readonly acceleration: (kernel: string | undefined) => Promise<Acceleration>
  readonly qemuBinary: string
  readonly guardEnvironment: (label: string) => Readonly<Record<string, string>>
  readonly xenHost: VerifyRequest['xenHost']
}

/** The stages of one build as functions; `progress` gets lines for the user. */
export interface BuildStages {
  media(progress: Progress): Promise<StoredMedia>
  install(from: StoredMedia, progress: Progress): Promise<DiskResult>
  provision(from: DiskResult, kernel: string, progress: Progress): Promise<ProvisionResult>
  audit(from: ProvisionResult, progress: Progress): Promise<GoldenDisk>
  export(from: GoldenDisk, release: string, progress: Progress): Promise<Manifest>
  /**
   * Writes the report into the release; nothing runs when these very files have passed before.
   * Errors: `verification-failed` (exit 5).
   */
  verify(from: GoldenDisk, kernel: string, release: string, progress: Progress): Promise<void>
}

/** A disk that passed the audit; only this is exported. */
export interface GoldenDisk {
  readonly disk: string
  readonly key: string
}

const reportName = 'audit.json'

export function buildStages(build: PreparedBuild, host: BuildHost): BuildStages {
  const { spec, recipe, stages, templates } = build
  const context = (progress: Progress): StageContext => ({
    run: host.run, runPiped: host.runPiped, signal: host.signal, progress, logDirectory: host.logDirectory,
  })
  const vmContext = async (kernel: string, progress: Progress): Promise<VmContext> => ({
    ...context(progress),
    acceleration: await host.acceleration(kernel),
    qemuBinary: host.qemuBinary,
    guardEnvironment: host.guardEnvironment,
  })
  const stored = async (stage: keyof typeof stages, fill: (directory: string) => Promise<void>) => {
    const { inputs } = stages[stage]
    const found = await host.store.lookup(stage, inputs)
    if (found) return found.directory
    const made = await host.store.build({ stage, appliance: spec.name, inputs, signal: host.signal }, async directory => {
      await fill(directory)
      return {}
    })
    return made.directory
  }
  const deps: TargetDeps = {
    run: host.run,
    render: (file, data) => renderFile({ root: host.templates, file, data }),
    templates: host.templates,
  }
  return {
    async media(progress) {
      const directory = await stored('media', async directory => {
        await recipe.media(context(progress), directory)
        // A mirror is no part of the key: another run may go on with what came from this one.
        await keepNeedles(directory, recipe.forbidden)
      })
      return { directory, kernel: mediaResult(directory).kernel }
    },
    async install(from, progress) {
      const directory = await stored('install', async directory => {
        await recipe.install(from.directory, await vmContext(from.kernel, progress), directory)
        await keepNeedles(directory, await readNeedles(from.directory))
      })
      return { disk: join(directory, diskName) }
    },
    async provision(from, kernel, progress) {
      const directory = await stored('provision', async directory => {
        const { sourceDateEpoch } = recipe
        const input = { spec, base: from, files: recipe.provisionFiles, sourceDateEpoch }
        const result = await provision(input, templates.provision, await vmContext(kernel, progress), directory)
        await keepNeedles(directory, [...result.secrets, ...(await readNeedles(dirname(from.disk)))])
      })
      return { disk: join(directory, diskName), secrets: await readNeedles(directory) }
    },
    async audit(from, progress) {
      await stored('audit', async directory => {
        const needles = distinctNeedles([...from.secrets, ...recipe.forbidden])
        const needs = mergeGuestNeeds(build.allTargets, spec)
        const { rpmKeys } = recipe
        const report = await audit({ disk: from.disk, needles, ...needs, ...(rpmKeys ? { rpmKeys } : {}) }, context(progress), directory)
        await writeFile(join(directory, reportName), `${JSON.stringify(report, null, 2)}\n`)
      })
      return { disk: from.disk, key: stages.audit.key }
    },
    async export(from, release, progress) {
      const held = await exportedTargets(release, build.targets.map(({ name }) => ({ name, key: build.exportKeys[name] ?? '' })))
      const targets = build.targets
        .filter(target => !held.includes(target.name))
        .map(target => ({ target, key: build.exportKeys[target.name] ?? '' }))
      const goldenDisk = { path: from.disk, format: 'raw' } as const
      const { version, exportOptions: options } = build
      const manifest = { ...manifestOf(build), ...(await recipe.packagesOf(from.disk, host.run)) }
      const request = { spec, version, options, release, goldenDisk, targets, held, manifest }
      return exportTargets(request, deps, context(progress))
    },
    async verify(from, kernel, release, progress) {
      if (await isVerified(release, build.targets.map(({ name }) => name))) return
      const goldenDisk = { path: from.disk, format: 'raw' } as const
      const { sourceDateEpoch } = build.recipe
      const request = { spec, version: build.version, sourceDateEpoch, release, targets: build.targets, goldenDisk, xenHost: host.xenHost }
      const report = await verifyRelease(request, deps, await vmContext(kernel, progress), host.scratch)
      requirePassed(release, report, host.logDirectory)
    },
  }
}

function manifestOf(build: PreparedBuild): Omit<Manifest, 'targets' | keyof PackageList> {
  const { spec, recipe } = build
  return {
    formatVersion: 1,
    appliance: spec.name,
    title: spec.title,
    version: build.version,
    architecture: spec.architecture,
    date: new Date(recipe.sourceDateEpoch * 1000).toISOString(),
    goldenKey: build.stages.audit.key,
    specHash: build.specHash,
    tools: build.tools,
    packageSources: recipe.packageSources,
  }
}
