/** `pipeline verify`: checks a finished release: its digests, then its structure and its boots. */
import { mkdir } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { notARelease, releaseChanged } from '../errors/commands.js'
import { openHost } from '../run/host.js'
import { scratchOf } from '../run/clean.js'
import { goldenDiskOf, storedKernel } from '../run/golden.js'
import { specHash } from '../run/prepare.js'
import { openStore } from '../run/store.js'
import { xenHostOf } from '../run/xen-host.js'
import { renderFile } from '../render/engine.js'
import { loadAppliance } from '../spec/load.js'
import { requireWritable } from '../stages/export.js'
import { findChanges } from '../stages/release-digests.js'
import { epochOf, readManifest } from '../stages/release-folder.js'
import { verifyRelease } from '../stages/verify-release.js'
import { pendingChecks, reportNames, requirePassed } from '../stages/verify-report.js'
import { loadTargets, selectTargets } from '../targets/index.js'
import { childPath } from '../tools/child-env.js'
import { bootNeeds, checkTools } from '../tools/need.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { BuildOptions, PlaceOptions } from './options.js'
import { placesOf } from './places.js'
import { lockStore, probeOnce } from './session.js'

export interface VerifyOptions extends PlaceOptions {
  readonly accel: BuildOptions['accel']
  readonly set: readonly string[]
  readonly json?: boolean
}

/**
 * Prints the report's path, or the report, passed or not; warns of checks that are left to the host with the golden disk.
 * Errors: `tool-missing` (exit 3), for all at once; `disk-full` (4), without a report; `not-a-release` (exit 2), `release-changed`, `verification-failed` (exit 5), those of the spec (2).
 */
export async function runVerify(folder: string, options: VerifyOptions, io: CommandIo): Promise<void> {
  const release = resolve(folder)
  const manifest = await readManifest(release)
  if (!manifest) throw notARelease(release)
  const { root, state, templates } = placesOf(options)
  const allTargets = await loadTargets()
  const targets = selectTargets(allTargets, Object.keys(manifest.targets))
  // What is missing here says nothing of the release: no check may fail for it, nor end the others after hours of boots.
  await checkTools([...targets.flatMap(target => target.tools), ...bootNeeds()], childPath(io.env))
  const knownTargets = allTargets.map(target => target.name)
  const { spec } = await loadAppliance({ root, name: manifest.appliance, set: options.set, knownTargets })
  const host = openHost(io, state)
  try {
    const changes = await findChanges(release, manifest, host.signal)
    if (changes.length > 0) throw releaseChanged(release, changes)
    await requireWritable(release)
    if (specHash(spec) !== manifest.specHash) {
      io.stderr.write(`warning: The description of ${spec.name} is not the one this release was built from.\n`)
    }
    const logDirectory = join(state, 'logs')
    await mkdir(logDirectory, { recursive: true })
    // The golden disk must not be cleaned away while it is compared.
    const unlock = await lockStore({ ...options, wait: true }, host, io, `verify ${manifest.appliance}`)
    try {
      const store = openStore(join(state, 'store'), line => io.stderr.write(`warning: ${line}\n`))
      const golden = await goldenDiskOf(store, manifest.goldenKey)
      const xenHost = xenHostOf({ store, templates, state, offline: false, env: io.env })
      const request = { spec, version: manifest.version, sourceDateEpoch: epochOf(manifest), release, targets, xenHost, ...(golden ? { goldenDisk: golden } : {}) }
      const render = (file: string, data: object) => renderFile({ root: templates, file, data })
      const deps = { run: host.run, render, templates }
      const report = await verifyRelease(request, deps, {
        run: host.run,
        runPiped: host.runPiped,
        signal: host.signal,
        progress: line => io.stderr.write(`verify: ${line}\n`),
        logDirectory,
        acceleration: await probeOnce(options, host, io)(await storedKernel(store, state)),
        qemuBinary: host.qemuBinary,
        guardEnvironment: host.guardEnvironment,
      }, scratchOf(state))
      if (options.json) printJson(io, report)
      else printLine(io, join(release, reportNames.text))
      requirePassed(release, report, logDirectory)
      const pending = pendingChecks(report).length
      if (pending > 0) io.stderr.write(`warning: Nothing failed, but ${counted(pending)} not made: the golden disk is not on this host. Publish waits for them.\n`)
    } finally {
      unlock()
    }
  } finally {
    host.close()
  }
}

function counted(checks: number): string {
  return checks === 1 ? '1 check was' : `${checks} checks were`
}
