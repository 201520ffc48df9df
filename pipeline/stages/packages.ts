/** The package set of an appliance: which versions the mirror offers today, asked only when its indexes changed. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { offlineWithoutPackages } from '../errors/media.js'
import { resolveWithApt } from '../tools/apt-resolve.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import type { Run } from '../tools/command.js'
import { debianCodename, formatSource, hostMirror, parseSources, suitesOf, withoutCredentials } from '../tools/deb-sources.js'
import type { DebSource } from '../tools/deb-sources.js'
import { askMirror } from '../tools/mirror-state.js'
import type { IndexState } from '../tools/mirror-state.js'
import type { Spec } from '../spec/types.js'
import type { PackageSource } from './release-folder.js'

export interface PackageSet {
  /** Sorted name=version. */
  readonly packages: readonly string[]
  /** Date of the indexes when the set last changed, seconds since 1970. */
  readonly sourceDateEpoch: number
  /** What the bootstrap reads. */
  readonly mirror: readonly DebSource[]
  /** Lines of the image's own sources.list. */
  readonly imageSources: readonly string[]
  /** For the manifest: without credentials. */
  readonly sources: readonly PackageSource[]
  /** Strings of this host that must not be in the image. */
  readonly forbidden: readonly { readonly name: string; readonly value: string }[]
}

export interface PackageRequest {
  readonly spec: Spec
  readonly include: readonly string[]
  readonly stateDirectory: string
  readonly offline: boolean
  readonly mirror?: string
}

/** What is kept of the last answer, for each set of wishes. */
interface Known {
  readonly wishes: string
  readonly indexes: readonly IndexState[]
  readonly packages: readonly string[]
  readonly sourceDateEpoch: number
}

/** Errors: `mirror-unreachable`, `mirror-without-suite`, `packages-not-resolved` (exit 4), `offline-without-packages` (2). */
export async function resolvePackages(request: PackageRequest, run: Run, signal: AbortSignal): Promise<PackageSet> {
  const directory = join(request.stateDirectory, 'mirror')
  await mkdir(directory, { recursive: true })
  const defaults = await defaultSources(request.spec.release, directory, run)
  const mirror = await mirrorOf(request, defaults, run)
  const wishes = JSON.stringify({ mirror: mirror.map(formatSource), include: request.include })
  const file = join(directory, `${request.spec.name}.json`)
  const known = await readKnown(file, wishes)
  if (request.offline && !known) throw offlineWithoutPackages(request.spec.name)
  const current = request.offline && known ? known : await refresh({ mirror, wishes, known, file, request }, run, signal)
  const imageSources = request.spec.aptSources.length > 0 ? request.spec.aptSources : defaults
  return {
    packages: current.packages,
    sourceDateEpoch: current.sourceDateEpoch,
    mirror,
    imageSources,
    sources: current.indexes.map(({ url, suite, date }) => ({ url: withoutCredentials(url), suite, date })),
    forbidden: forbiddenIn(mirror, imageSources),
  }
}

interface Refresh {
  readonly mirror: readonly DebSource[]
  readonly wishes: string
  readonly known: Known | undefined
  readonly file: string
  readonly request: PackageRequest
}

/** Equal indexes: nothing is asked further. New indexes with an equal result keep the old date: nothing is built again. */
async function refresh({ mirror, wishes, known, file, request }: Refresh, run: Run, signal: AbortSignal): Promise<Known> {
  const indexes = await askMirror(mirror, known?.indexes ?? [], signal)
  const same = known && indexes.every(index => known.indexes.some(old => old.url === index.url && old.sha256 === index.sha256))
  if (same) return known
  const directory = join(request.stateDirectory, 'mirror/apt')
  const packages = await resolveWithApt({ sources: mirror, include: request.include, directory }, run)
  const unchanged = known && JSON.stringify(known.packages) === JSON.stringify(packages)
  const newest = Math.max(...indexes.map(index => Date.parse(index.date))) / 1000
  const next: Known = { wishes, indexes, packages, sourceDateEpoch: unchanged ? known.sourceDateEpoch : newest }
  await writeFileAtomic(file, `${JSON.stringify(next, null, 2)}\n`)
  return next
}

async function readKnown(file: string, wishes: string): Promise<Known | undefined> {
  try {
    const known = JSON.parse(await readFile(file, 'utf8')) as Known
    return known.wishes === wishes ? known : undefined
  } catch {
    return undefined
  }
}

async function mirrorOf(request: PackageRequest, defaults: readonly string[], run: Run): Promise<readonly DebSource[]> {
  const { release } = request.spec
  if (request.mirror) return suitesOf(release, { main: request.mirror.replace(/\/+$/, '') })
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '')
  const host = await hostMirror(run, debianCodename(osRelease))
  return host ? suitesOf(release, host) : parseSources(defaults.join('\n'))
}

/**
 * The sources.list that mmdebstrap writes without a mirror. It is written before the setup hook runs, which
 * shows it and ends the bootstrap there: nothing is downloaded.
 */
async function defaultSources(release: string, directory: string, run: Run): Promise<readonly string[]> {
  const file = join(directory, `default-${release}.list`)
  const stored = await readFile(file, 'utf8').catch(() => undefined)
  if (stored !== undefined) return stored.trim().split('\n')
  const { stderr } = await run(
    ['mmdebstrap', '--variant=custom', '--format=null', '--setup-hook=cat "$1"/etc/apt/sources.list >&2; false', release, '/dev/null'],
    { okCodes: [0, 1, 25], reason: "ask for mmdebstrap's default mirror" }
  )
  const lines = stderr.split('\n').filter(line => line.startsWith('deb '))
  await writeFileAtomic(file, `${lines.join('\n')}\n`)
  return lines
}

/** The build host's mirror and credentials, where the image does not name them itself. */
function forbiddenIn(mirror: readonly DebSource[], imageSources: readonly string[]) {
  const own = imageSources.join('\n')
  const hosts = new Set(mirror.map(source => new URL(source.url).host))
  const credentials = mirror.map(source => new URL(source.url).password).filter(word => word.length >= 5)
  return [
    ...[...hosts].filter(host => !own.includes(host)).map(value => ({ name: "the build host's mirror", value })),
    ...credentials.map(value => ({ name: "the mirror's password", value })),
  ]
}
