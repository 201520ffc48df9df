/** Looks at a finished release on this host before it is published: whole, verified, signed, and described as its document. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { notARelease } from '../errors/commands.js'
import { nameUnsafe, releaseNotAsSigned, releaseNotFinished, releaseNotVerified } from '../errors/publish.js'
import { isPublished, manifestName, readManifest, sumsName } from '../stages/release-folder.js'
import type { Manifest } from '../stages/release-folder.js'
import { isVerified } from '../stages/verify-release.js'
import { pendingChecks, readReport, reportNames, targetsOf } from '../stages/verify-report.js'
import type { VerificationReport } from '../stages/verify-report.js'
import { chunkIndexFile, chunkSuffix } from '../tools/chunk-index.js'
import { identityOf } from '../tools/file-identity.js'
import type { FileIdentity } from '../tools/file-identity.js'
import type { HashMemory } from '../tools/hash-memory.js'
import type { PublishedBoot, PublishedFile, PublishedTarget, ReleaseDocument } from './documents.js'
import { mediaTypeOf } from './object-headers.js'
import { indexName, isSafeName, isSafePath, provenanceName, sbomName, signatureSuffixes } from './tree.js'

export interface LocalFile extends PublishedFile {
  /** On this host, absolute. */
  readonly local: string
  /** Taken before the digest was computed. */
  readonly identity: FileIdentity
}

export interface LocalRelease {
  readonly folder: string
  readonly document: ReleaseDocument
  readonly files: readonly LocalFile[]
}

export interface InspectOptions {
  readonly memory: HashMemory
  readonly signal: AbortSignal
  readonly allowUnverified: boolean
  /** Folder in which chunk indexes are kept: each is made once for its file. */
  readonly chunkCache: string
  /** Target's name -> one line for people. */
  readonly summaries: Readonly<Record<string, string>>
}

/**
 * Errors: `not-a-release`, `name-unsafe` (exit 2), `release-not-finished`, `release-not-as-signed`,
 * `release-not-verified` (exit 6).
 */
export async function inspectRelease(folder: string, options: InspectOptions): Promise<LocalRelease> {
  const manifest = await readManifest(folder)
  if (!manifest) throw notARelease(folder)
  requireSafeNames(manifest)
  const names = await filesBelow(folder)
  const missing = [sumsName, sbomName, provenanceName].filter(name => !names.includes(name))
  if (missing.length > 0) throw releaseNotFinished(folder, missing)
  const report = await readReport(folder)
  const reasons = await whyUnverified(folder, manifest, report)
  if (reasons.length > 0 && !options.allowUnverified) throw releaseNotVerified(folder, reasons)
  const files = await describe(folder, names, manifest, options)
  await requireAsSigned(folder, files, manifest)
  const withDeltas = await addChunkIndexes(withoutPacked(files, manifest), options)
  return { folder, files: withDeltas, document: documentOf({ manifest, report, verified: reasons.length === 0, files: withDeltas, summaries: options.summaries }) }
}

/** The folder of a zip lies beside it for people on this host; it would travel twice. */
function withoutPacked(files: readonly LocalFile[], { targets }: Manifest): readonly LocalFile[] {
  const packed = new Set(Object.values(targets).flatMap(target => target.files.filter(file => !isPublished(file)).map(({ path }) => path)))
  return files.filter(({ path }) => !packed.has(path))
}

function requireSafeNames(manifest: Manifest): void {
  const names = [['appliance', manifest.appliance], ['version', manifest.version], ...Object.keys(manifest.targets).map(name => ['target', name])]
  for (const [kind = '', name = ''] of names) if (!isSafeName(name)) throw nameUnsafe(kind, name)
}

/** Empty: every target passed, no check is left to another host, and the report is of these very files. */
async function whyUnverified(folder: string, manifest: Manifest, report: VerificationReport | undefined): Promise<string[]> {
  if (!report) return [`${reportNames.json} is missing or cannot be read`]
  const targets = Object.keys(manifest.targets)
  if (targets.length === 0) return ['it has no targets']
  const failed = report.checks.filter(check => check.status === 'failed').map(check => `${check.target}: ${check.name}: ${check.detail.split('\n')[0]}`)
  const unseen = targets.filter(name => !report.checks.some(check => targetsOf(check).includes(name))).map(name => `${name} was not verified`)
  const pending = pendingChecks(report).map(check => `${check.target}: ${check.name}: ${check.detail}`)
  const reasons = [...failed, ...unseen, ...pending]
  if (reasons.length > 0) return reasons
  if (report.appliance !== manifest.appliance || report.version !== manifest.version) return ['the report is of another release']
  if (!report.passed) return ['the report says that it did not pass']
  return (await isVerified(folder, targets)) ? [] : ['the files are not those that were verified']
}

/** Relative, `/` between the parts; what begins with a dot is being written, or none of ours. */
async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const names = entries.filter(entry => !entry.isDirectory()).map(entry => relative(folder, join(entry.parentPath, entry.name)).split(sep).join('/'))
  const kept = names.filter(name => !name.startsWith('.')).sort()
  const unsafe = kept.find(name => !isSafePath(name) || name === indexName)
  if (unsafe !== undefined) throw nameUnsafe('file', unsafe)
  return kept
}

async function describe(folder: string, names: readonly string[], manifest: Manifest, { memory, signal }: InspectOptions): Promise<LocalFile[]> {
  const files: LocalFile[] = []
  for (const path of names) {
    const local = join(folder, path)
    const identity = await identityOf(local)
    const { size, mode } = await stat(local)
    const target = Object.keys(manifest.targets).find(name => path.startsWith(`${name}/`))
    files.push({ path, sizeBytes: size, sha256: await memory.sha256(local, signal), mediaType: mediaTypeOf(path), ...((mode & 0o100) === 0 ? {} : { executable: true as const }), ...(target === undefined ? {} : { target }), local, identity })
  }
  await memory.save()
  return files
}

/** Every file is in SHA256SUMS with its digest, and in the manifest where it is a target's. */
async function requireAsSigned(folder: string, files: readonly LocalFile[], manifest: Manifest): Promise<void> {
  const sums = parseSums(await readFile(join(folder, sumsName), 'utf8'))
  const found = new Map(files.map(file => [file.path, file.sha256]))
  const wanted = [...sums, ...Object.values(manifest.targets).flatMap(target => target.files.map(file => [file.path, file.sha256] as const))]
  const problems = wanted.flatMap(([path, sha256]) => {
    const digest = found.get(path)
    return digest === undefined ? [`${path}: missing`] : digest === sha256 ? [] : [`${path}: changed`]
  })
  const extra = files.filter(file => !sums.has(file.path) && !isOfSums(file.path)).map(file => `${file.path}: not in ${sumsName}`)
  if (problems.length + extra.length > 0) throw releaseNotAsSigned(folder, [...new Set([...problems, ...extra])].sort())
}

/** They lie beside their files in the tree, not in the release's folder; the signed index has their digests. */
async function addChunkIndexes(files: readonly LocalFile[], { chunkCache: cache, memory, signal }: InspectOptions): Promise<LocalFile[]> {
  const all: LocalFile[] = []
  for (const file of files) {
    const local = file.target === undefined ? undefined : await chunkIndexFile({ path: file.local, sha256: file.sha256, cache, signal })
    if (local === undefined) all.push(file)
    else {
      const path = `${file.path}${chunkSuffix}`
      const identity = await identityOf(local)
      const facts = { sizeBytes: (await stat(local)).size, sha256: await memory.sha256(local, signal), mediaType: mediaTypeOf(path) }
      all.push({ ...file, chunkIndex: path }, { path, ...facts, local, identity, ...(file.target === undefined ? {} : { target: file.target }) })
    }
  }
  await memory.save()
  return all.sort((a, b) => (a.path < b.path ? -1 : 1))
}

/** `SHA256SUMS` of the release and its signatures cannot be in it. */
function isOfSums(path: string): boolean {
  return ['', ...Object.values(signatureSuffixes)].some(suffix => path === `${sumsName}${suffix}`)
}

/** Lines of `sha256sum`; others are left out. */
export function parseSums(text: string): ReadonlyMap<string, string> {
  const pairs = text.split('\n').map(line => /^([0-9a-f]{64}) [ *](.+)$/.exec(line))
  return new Map(pairs.flatMap(found => (found ? [[found[2] ?? '', found[1] ?? ''] as const] : [])))
}

interface DocumentFacts {
  readonly manifest: Manifest
  readonly report: VerificationReport | undefined
  readonly verified: boolean
  readonly files: readonly LocalFile[]
  readonly summaries: InspectOptions['summaries']
}

function documentOf({ manifest, report, verified, files, summaries }: DocumentFacts): ReleaseDocument {
  const count = (status: string) => (report?.checks ?? []).filter(check => check.status === status).length
  const has = (path: string) => files.some(file => file.path === path)
  const { appliance, title, version, architecture, date } = manifest
  return {
    formatVersion: 1, kind: 'release', appliance, title, version, architecture, date, verified,
    checks: { passed: count('passed'), failed: count('failed'), skipped: count('skipped') },
    ...(report ? { verifiedOn: `${report.acceleration.kind === 'kvm' ? 'KVM' : 'emulated'}, QEMU ${report.acceleration.qemuVersion}` } : {}),
    signatures: (['ssh', 'openpgp'] as const).filter(kind => has(`${sumsName}${signatureSuffixes[kind]}`)),
    targets: Object.keys(manifest.targets).sort().map(name => targetOf(name, files, report, summaries[name] ?? name)),
    files: files.map(({ local: _local, identity: _identity, ...file }) => file),
  }
}

function targetOf(name: string, files: readonly LocalFile[], report: VerificationReport | undefined, summary: string): PublishedTarget {
  const own = files.filter(file => file.target === name && !file.path.endsWith(chunkSuffix))
  const largest = own.reduce<LocalFile | undefined>((best, file) => (best && best.sizeBytes >= file.sizeBytes ? best : file), undefined)
  const sizeBytes = own.reduce((sum, file) => sum + file.sizeBytes, 0)
  return { name, summary, mainFile: largest?.path ?? manifestName, sizeBytes, boots: bootsOf(name, report) }
}

function bootsOf(target: string, report: VerificationReport | undefined): PublishedBoot[] {
  const checks = (report?.checks ?? []).filter(check => check.target === target && check.boot !== undefined)
  return [...new Set(checks.map(check => check.boot ?? ''))].map(name => {
    const own = checks.filter(check => check.boot === name)
    const ready = own.find(check => check.name === 'ready' && check.status === 'passed')
    const status = own.some(check => check.status === 'failed') ? 'failed' : ready ? 'passed' : 'skipped'
    return { name, status, ...(ready ? { readyMs: ready.durationMs } : {}) }
  })
}
