/** Verifies a release in place: the checks, their report bound to the very files, and the sums over both. */
import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { TargetDeps } from '../targets/types.js'
import { readManifest, writeSums } from './release-folder.js'
import type { Manifest } from './release-folder.js'
import { verify } from './verify.js'
import type { VerifyRequest } from './verify.js'
import { readReport, writeReport } from './verify-report.js'
import type { VerificationReport } from './verify-report.js'
import type { VmContext } from './types.js'

/** Writes the report into the release, passed or not. Errors: those of `verify` and of the file system. */
export async function verifyRelease(
  request: Omit<VerifyRequest, 'options'>,
  deps: TargetDeps,
  context: VmContext
): Promise<VerificationReport> {
  const directory = await mkdtemp(join(context.logDirectory, 'verify-'))
  try {
    const manifest = await readManifest(request.release)
    const targets = Object.entries(manifest?.targets ?? {})
    const options = Object.fromEntries(targets.map(([name, target]) => [name, target.options]))
    const found = await verify({ ...request, options }, deps, context, directory)
    const names = request.targets.map(target => target.name)
    const report = manifest ? { ...found, verified: digestsOf(manifest, names) } : found
    await writeReport(request.release, report)
    if (manifest) await writeSums(request.release, manifest)
    return report
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}

/** True when the release's report passed and was made of the files that its manifest lists now. */
export async function isVerified(release: string, targets: readonly string[]): Promise<boolean> {
  const [manifest, report] = await Promise.all([readManifest(release), readReport(release)])
  if (!manifest || !report?.passed) return false
  const wanted = digestsOf(manifest, targets)
  return targets.every(name => wanted[name] !== undefined && report.verified?.[name] === wanted[name])
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
