/** A release's folder: artifacts/<appliance>-<version>/ with one folder per target, manifest.json and SHA256SUMS. */
import { readdir, readFile, rm, stat } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import { writeFileAtomic, writeFileIfChanged } from '../tools/atomic-file.js'
import { sha256File } from '../tools/checksum.js'
import type { ExportOptions } from '../targets/types.js'
import type { ToolVersions } from '../tools/versions.js'

export const manifestName = 'manifest.json'
export const sumsName = 'SHA256SUMS'
const signatureNames = [`${sumsName}.sig`, `${sumsName}.asc`] as const

export interface ReleaseFile {
  /** Relative to the release's folder. */
  readonly path: string
  readonly sizeBytes: number
  /** Lower-case hex. */
  readonly sha256: string
  /** Path of another file that holds this one: who has that needs this no more, and publishing leaves it out. */
  readonly packedIn?: string
}

/** False: readers get the file that holds this one. */
export function isPublished({ packedIn }: ReleaseFile): boolean {
  return packedIn === undefined
}

export interface ReleaseTarget {
  /** Hash of everything that went into this target's files. */
  readonly key: string
  readonly options: ExportOptions
  readonly files: readonly ReleaseFile[]
}

export interface PackageSource {
  /** The image's own source of this suite; absent where it has none. */
  readonly url?: string
  readonly suite: string
  /** The index's own Date, ISO 8601. */
  readonly date: string
  /** Of the index (InRelease or Release, repomd.xml), hex; absent in releases of earlier versions and for folders. */
  readonly sha256?: string
}

export interface Manifest {
  readonly formatVersion: 1
  readonly appliance: string
  readonly title: string
  readonly version: string
  readonly architecture: string
  /** Date of the newest input, ISO 8601: not the clock, so that equal inputs give an equal manifest. */
  readonly date: string
  /** Key of the golden disk that every target was exported from. */
  readonly goldenKey: string
  /** Hash of the spec after defaults and --set, but for its timeouts: they are in no file. */
  readonly specHash: string
  readonly tools: ToolVersions
  readonly packageSources: readonly PackageSource[]
  /** name=version of every package in the image; an rpm's version ends with its architecture. */
  readonly packages: readonly string[]
  /** Of an image of rpm packages: `centos-7`. Absent: Debian's. */
  readonly distribution?: string
  readonly targets: Readonly<Record<string, ReleaseTarget>>
}

/** What a manifest says of the packages in its image. */
export type PackageList = Pick<Manifest, 'packages' | 'distribution'>

/** Seconds since 1970. */
export function epochOf({ date }: { readonly date: string }): number {
  return Math.floor(Date.parse(date) / 1000)
}

/** The manifest, or undefined where there is no whole release. */
export async function readManifest(release: string): Promise<Manifest | undefined> {
  const text = await readFile(join(release, manifestName), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  try {
    const manifest = JSON.parse(text) as Manifest
    return manifest.formatVersion === 1 ? manifest : undefined
  } catch {
    return undefined
  }
}

export async function writeManifest(release: string, manifest: Manifest): Promise<void> {
  await writeFileIfChanged(join(release, manifestName), `${JSON.stringify(manifest, null, 2)}\n`)
}

/** Describes every file below `<release>/<target>`; `directory` is where it lies now. */
export async function describeFiles(
  directory: string,
  target: string,
  { packed, signal }: { readonly packed?: ReadonlyMap<string, string | undefined>; readonly signal?: AbortSignal } = {}
): Promise<ReleaseFile[]> {
  const files: ReleaseFile[] = []
  for (const path of await filesBelow(directory)) {
    const { size } = await stat(path)
    const name = relative(directory, path).split(sep).join('/')
    const packedIn = packed?.get(name)
    const described = { path: `${target}/${name}`, sizeBytes: size, sha256: await sha256File(path, signal) }
    files.push(packedIn === undefined ? described : { ...described, packedIn: `${target}/${packedIn}` })
  }
  return files
}

/** True when every file of the target is there with its size; content is checked by `pipeline verify`. */
export async function targetIsWhole(release: string, target: ReleaseTarget): Promise<boolean> {
  const sizes = await Promise.all(
    target.files.map(file =>
      stat(join(release, file.path)).then(
        found => found.size === file.sizeBytes,
        () => false
      )
    )
  )
  return sizes.every(Boolean)
}

/**
 * Writes SHA256SUMS over every file of the release, in name order, in the form `sha256sum --check` reads. Every build
 * comes by here, so one that was killed between a file and its sum is put right by the next.
 * Digests the manifest knows are not computed again.
 */
export async function writeSums(
  release: string,
  manifest: Manifest,
  hash: (path: string) => Promise<string> = sha256File
): Promise<void> {
  const known = new Map(
    Object.values(manifest.targets).flatMap(target => target.files.map(file => [file.path, file.sha256]))
  )
  const lines: string[] = []
  for (const path of await filesBelow(release)) {
    const name = relative(release, path).split(sep).join('/')
    if (name === sumsName || name.startsWith('.') || signatureNames.some(each => each === name)) continue
    lines.push(`${known.get(name) ?? (await hash(path))}  ${name}\n`)
  }
  const [file, text] = [join(release, sumsName), lines.join('')]
  if ((await readFile(file, 'utf8').catch(() => undefined)) === text) return
  // Signatures of the sums that were there before fit no longer.
  await Promise.all(signatureNames.map(name => rm(join(release, name), { force: true })))
  await writeFileAtomic(file, text)
}

/** Takes out what the manifest no longer speaks of: targets of another golden disk, or of another time. */
export async function removeUnlisted(release: string, listed: readonly string[]): Promise<void> {
  const entries = await readdir(release, { withFileTypes: true })
  const doomed = entries.filter(entry => entry.isDirectory() && !entry.name.startsWith('.') && !listed.includes(entry.name))
  for (const { name } of doomed) await rm(join(release, name), { recursive: true, force: true })
}

async function filesBelow(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
}
