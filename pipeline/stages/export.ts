/** export: writes the files of all chosen targets in one pass over the golden disk, into the release's folder. */
import { constants } from 'node:fs'
import { access, mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { artifactsNotWritable, diskFull, exportTooLarge } from '../errors/stages.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { syncFile, syncTree } from '../tools/atomic-file.js'
import { createDeflatePool } from '../images/deflate-pool.js'
import { requireSound } from '../images/golden-check.js'
import { openGolden } from '../images/golden-source.js'
import type { GoldenSource } from '../images/golden-source.js'
import { measurePackedShare, touchedBytes } from '../images/packed-share.js'
import { runPass } from '../images/pass.js'
import { formatReads } from '../plan/format.js'
import { plannedBytes } from '../targets/index.js'
import { freeBytes } from '../tools/free-space.js'
import { readProcess } from '../tools/process.js'
import type { Spec } from '../spec/types.js'
import type { DiskFile, ExportOptions, Target, TargetDeps, TargetExport } from '../targets/types.js'
import { describeFiles, epochOf, manifestName, readManifest, removeUnlisted, targetIsWhole, writeManifest, writeSums } from './release-folder.js'
import type { Manifest, ReleaseTarget } from './release-folder.js'
import { removeFromReport } from './verify-report.js'
import type { StageContext } from './types.js'

export interface ExportRequest {
  readonly spec: Spec
  readonly version: string
  readonly options: ExportOptions
  /** artifacts/<appliance>-<version>/ */
  readonly release: string
  readonly goldenDisk: DiskFile
  readonly targets: readonly { readonly target: Target; readonly key: string }[]
  /** Names of targets that the release holds whole with the keys of this build: they stay, whoever wrote its manifest. */
  readonly held?: readonly string[]
  /** The manifest without its targets. */
  readonly manifest: Omit<Manifest, 'targets'>
}

/** Names of the targets that the release already holds whole, with the same key. */
export async function exportedTargets(
  release: string,
  wanted: readonly { readonly name: string; readonly key: string }[]
): Promise<readonly string[]> {
  const manifest = await readManifest(release)
  if (!manifest) return []
  const whole = await Promise.all(
    wanted.map(async ({ name, key }) => {
      const found = manifest.targets[name]
      return found?.key === key && (await targetIsWhole(release, found)) ? [name] : []
    })
  )
  return whole.flat()
}

/**
 * Exports what the release does not hold yet; what it holds of the same golden disk is kept. Fails as a whole: no
 * target gets its name before all are written. Errors: `artifacts-not-writable` (exit 3), `disk-full`,
 * `golden-disk-changed` (exit 4), those of the targets.
 */
export async function exportTargets(
  request: ExportRequest,
  deps: TargetDeps,
  context: StageContext
): Promise<Manifest> {
  await requireWritable(request.release)
  await removeStale(request.release)
  const old = await readManifest(request.release)
  const { goldenKey, specHash } = request.manifest
  const isSame = old?.goldenKey === goldenKey && old.specHash === specHash
  const kept = Object.fromEntries(Object.entries(old?.targets ?? {}).filter(([name]) => isSame || request.held?.includes(name)))
  const made = request.targets.length > 0 ? await exportFrom(request, deps, context) : {}
  const targets = { ...kept, ...made }
  // Who made them, and of what, does not change because somebody with newer programs looks at them.
  const facts = old && isSame && Object.keys(made).length === 0 ? old : request.manifest
  const manifest: Manifest = { ...facts, targets }
  try {
    await writeManifest(request.release, manifest)
    await removeUnlisted(request.release, Object.keys(targets))
    await writeSums(request.release, manifest)
  } catch (error) {
    throw await explain(error, manifestName, request.release)
  }
  return manifest
}

/** The disk is looked at and opened before any target reads of it, and held to be the same until the last has. */
async function exportFrom(request: ExportRequest, deps: TargetDeps, context: StageContext): Promise<Record<string, ReleaseTarget>> {
  const { goldenDisk, spec } = request
  await requireSound({ ...goldenDisk, wantedBytes: spec.hardware.diskGib * bytesPerGib })
  const source = await openGolden(goldenDisk.path, context.run)
  try {
    await requireRoom(request, source)
    return await exportAll({ ...request, source }, deps, context)
  } finally {
    await source.close()
  }
}

/** What the targets plan for the data that is on this very disk, by a sample of it. Errors: `export-too-large` (exit 3). */
async function requireRoom({ spec, version, options, targets, release }: ExportRequest, source: GoldenSource): Promise<void> {
  const input = { spec, version, options, usedBytes: touchedBytes(source), packedShare: await measurePackedShare(source) }
  const needs = targets.map(({ target }) => ({ name: target.name, bytes: plannedBytes(target, input) }))
  const free = await freeBytes(release)
  if (needs.reduce((sum, { bytes }) => sum + bytes, 0) > free) throw exportTooLarge({ needs, freeBytes: free, place: release })
}

const temporaryName = /^\..+\.tmp-(?<pid>\d+)$/

/** What a killed run left half-written; another run that is alive keeps its own. */
async function removeStale(release: string): Promise<void> {
  for (const name of await readdir(release)) {
    const pid = temporaryName.exec(name)?.groups?.['pid']
    if (pid === undefined || (Number(pid) !== process.pid && readProcess(Number(pid)))) continue
    await rm(join(release, name), { recursive: true, force: true })
  }
}

type OpenRequest = ExportRequest & { readonly source: GoldenSource }

/** One target while it is written. */
interface Job {
  readonly target: Target
  readonly key: string
  /** The folder's name until every file is in it. */
  readonly temporary: string
  readonly files: TargetExport
}

async function exportAll(request: OpenRequest, deps: TargetDeps, context: StageContext): Promise<Record<string, ReleaseTarget>> {
  const { release, targets } = request
  const temporaries = targets.map(({ target }) => join(release, `.${target.name}.tmp-${process.pid}`))
  try {
    const jobs: Job[] = []
    for (const [at, { target, key }] of targets.entries()) {
      const temporary = temporaries[at] ?? ''
      await mkdir(temporary, { recursive: true })
      const { spec, version, options, goldenDisk } = request
      const sourceDateEpoch = epochOf(request.manifest)
      const input = { spec, version, options, sourceDateEpoch, goldenDisk, directory: temporary, signal: context.signal }
      jobs.push({ target, key, temporary, files: await target.export(input, deps) })
    }
    await passOver(jobs, request, context)
    return await nameFolders(jobs, request, context)
  } catch (error) {
    const explained = await explain(error, targets.map(({ target }) => target.name).join(', '), release)
    await Promise.all(temporaries.map(path => rm(path, { recursive: true, force: true })))
    throw explained
  }
}

const bytesPerGib = 1024 ** 3

async function passOver(jobs: readonly Job[], { source }: OpenRequest, { signal, progress }: StageContext) {
  const writers = jobs.flatMap(({ files }) => files.writers)
  const exports = jobs.map(({ target: { name, reads = [] } }) => ({ target: name, reads }))
  if (jobs.length > 0) progress(`${exports.map(({ target }) => target).join(', ')}; the golden disk is ${formatReads(exports)}`)
  if (writers.length === 0) return
  const pool = createDeflatePool()
  try {
    await runPass({ source, writers, pool, signal })
  } finally {
    await pool.close()
  }
}

/** A folder gets its final name when every file is in it and on the disk: a power cut leaves no half release. */
async function nameFolders(jobs: readonly Job[], { release, options }: ExportRequest, { signal }: StageContext) {
  const made: Record<string, ReleaseTarget> = {}
  for (const { target, key, temporary, files } of jobs) {
    const packed = new Map((await files.finish()).map(({ name, packedIn }) => [name, packedIn]))
    const described = await describeFiles(temporary, target.name, { packed, signal })
    await syncTree(temporary)
    made[target.name] = { key, options, files: described }
  }
  if (jobs.length > 0) await removeFromReport(release, jobs.map(({ target }) => target.name))
  for (const { target, temporary } of jobs) {
    const final = join(release, target.name)
    await rm(final, { recursive: true, force: true })
    await rename(temporary, final)
  }
  await syncFile(release)
  return made
}

/** Errors: `artifacts-not-writable`. Asked before the build starts, too: nobody waits ten minutes for this answer. */
export async function requireWritable(release: string): Promise<void> {
  await access(await nearest(release), constants.W_OK).catch(refuse(release))
  await mkdir(release, { recursive: true }).catch(refuse(release))
}

/** The path itself or the first folder above it that is there: mkdir says only "not found" of a read-only disk. */
async function nearest(path: string): Promise<string> {
  const found = await stat(path).then(() => true, (error: NodeJS.ErrnoException) => error.code !== 'ENOENT')
  return found || dirname(path) === path ? path : nearest(dirname(path))
}

function refuse(release: string): (error: NodeJS.ErrnoException) => never {
  return error => {
    throw artifactsNotWritable(error.path ?? release, reason(error))
  }
}

function reason(error: NodeJS.ErrnoException): string {
  const words: Readonly<Record<string, string>> = {
    EACCES: 'permission denied', EROFS: 'the file system is read-only', ENOTDIR: 'part of the path is a file', EEXIST: 'it is a file',
  }
  return words[error.code ?? ''] ?? error.message
}

/** Asked before anything is removed: afterwards the disk is no longer full. */
async function explain(error: unknown, what: string, release: string): Promise<unknown> {
  const { code } = error as Partial<NodeJS.ErrnoException>
  const details = error instanceof PipelineError ? error.details : []
  if (code !== 'ENOSPC' && !details.some(line => /no space left on device/i.test(line))) return error
  return diskFull({ what: `the export of ${what}`, place: release, freeBytes: await freeBytes(release), details })
}
