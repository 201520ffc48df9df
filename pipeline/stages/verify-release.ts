/** Verifies a release in place: the checks, their report bound to the very files, and the sums over both. */
import { createHash } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TargetDeps } from '../targets/types.js'
import { readManifest, writeSums } from './release-folder.js'
import type { Manifest } from './release-folder.js'
import { verify } from './verify.js'
import type { VerifyRequest } from './verify.js'
import { pendingChecks, readReport, selectTargets, targetsOf, writeReport } from './verify-report.js'
import type { VerificationReport } from './verify-report.js'
import type { VmContext } from './types.js'

/**
 * Writes the report into the release, passed or not; what an earlier one says of other targets stays, where their files
 * are the same and QEMU was. What the boots write goes below `scratch`.
 * Errors: those of `verify` and of the file system.
 */
export async function verifyRelease(
  request: Omit<VerifyRequest, 'options'>,
  deps: TargetDeps,
  context: VmContext,
  scratch: string
): Promise<VerificationReport> {
  await mkdir(scratch, { recursive: true })
  const directory = await mkdtemp(join(scratch, 'verify-'))
  try {
    const manifest = await readManifest(request.release)
    const targets = Object.entries(manifest?.targets ?? {})
    const options = Object.fromEntries(targets.map(([name, target]) => [name, target.options]))
    const found = await verify({ ...request, options }, deps, context, directory)
    const names = request.targets.map(target => target.name)
    const report = manifest ? besideEarlier({ ...found, verified: digestsOf(manifest, names) }, await readReport(request.release), manifest) : found
    await writeReport(request.release, report)
    if (manifest) await writeSums(request.release, manifest)
    return report
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

function besideEarlier(found: VerificationReport, earlier: VerificationReport | undefined, manifest: Manifest): VerificationReport {
  if (!earlier || mannerOf(earlier) !== mannerOf(found)) return found
  const now = digestsOf(manifest, Object.keys(manifest.targets))
  const kept = selectTargets(earlier, name => found.verified?.[name] === undefined && now[name] === earlier.verified?.[name])
  if (!kept) return found
  return {
    ...found,
    startedAt: kept.startedAt,
    durationMs: found.durationMs + kept.checks.reduce((sum, { durationMs }) => sum + durationMs, 0),
    checks: [...kept.checks, ...found.checks],
    verified: { ...kept.verified, ...found.verified },
  }
}

/** The head of a report holds for all that is below it. */
function mannerOf({ appliance, version, acceleration: { kind, qemuVersion } }: VerificationReport): string {
  return [appliance, version, kind, qemuVersion].join(' ')
}

/** True when the report says of each of these targets that it passed, leaves nothing to another host, and was made of the files that the manifest lists now. */
export async function isVerified(release: string, targets: readonly string[]): Promise<boolean> {
  const [manifest, report] = await Promise.all([readManifest(release), readReport(release)])
  if (!manifest || !report) return false
  const wanted = digestsOf(manifest, targets)
  const passed = selectTargets(report, () => true)?.verified
  const pending = pendingChecks(report).flatMap(targetsOf)
  return targets.every(name => wanted[name] !== undefined && passed?.[name] === wanted[name] && !pending.includes(name))
}

/** One digest for each target: over the paths, sizes and digests of its files. */
function digestsOf(manifest: Manifest, targets: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    targets.flatMap(name => {
      const target = manifest.targets[name]
      if (!target) return []
      const lines = target.files.map(file => `${file.sha256} ${file.sizeBytes} ${file.path}\n`)
      return [[name, createHash('sha256').update(lines.join('')).digest('hex')]]
    })
  )
}
