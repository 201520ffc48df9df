/** The package set of an appliance: which versions the mirror offers today, asked only when its indexes changed. */
import { createHash } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { offlineWithoutPackages, sourcesUnknown } from '../errors/media.js'
import { askAptProxies } from '../tools/apt-config.js'
import { resolveWithApt } from '../tools/apt-resolve.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import type { Run } from '../tools/command.js'
import { debianCodename, formatSource, hostMirror, parseSources, suitesOf } from '../tools/deb-sources.js'
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
  /** Lines of apt.conf for the bootstrap: this host's proxies. */
  readonly aptOptions: readonly string[]
  /** Masked in logs. */
  readonly secrets: readonly string[]
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
  readonly spec: Pick<Spec, 'name' | 'release' | 'aptSources'>
  readonly include: readonly string[]
  readonly stateDirectory: string
  readonly offline: boolean
  readonly mirror?: string
}

/** What is kept of the last answer, for each set of wishes. */
interface Known {
  /** Their digest: a mirror's URL may hold a password. */
  readonly wishes: string
  readonly indexes: readonly IndexState[]
  readonly packages: readonly string[]
  readonly sourceDateEpoch: number
}

/** Errors: `mirror-unreachable`, `mirror-without-suite`, `packages-not-resolved`, `sources-unknown` (exit 4), `offline-without-packages` (2). */
export async function resolvePackages(request: PackageRequest, run: Run, signal: AbortSignal): Promise<PackageSet> {
  const directory = join(request.stateDirectory, 'mirror')
  await mkdir(directory, { recursive: true })
  const defaults = await defaultSources(request.spec.release, directory, run)
  const mirror = await mirrorOf(request, defaults, run)
  const proxies = await askAptProxies(run)
  const wishes = digest({ mirror: mirror.map(formatSource), include: request.include })
  const secrets = passwordsOf([...mirror.map(source => source.url), ...proxies.urls])
  const file = join(directory, `${request.spec.name}-${wishes.slice(0, 16)}.json`)
  const known = await readKnown(file, wishes)
  if (request.offline && !known) throw offlineWithoutPackages(request.spec.name)
  const current = request.offline && known ? known : await refresh({ mirror, secrets, wishes, known, file, request }, run, signal)
  const imageSources = request.spec.aptSources.length > 0 ? request.spec.aptSources : defaults
  return {
    packages: current.packages,
    sourceDateEpoch: current.sourceDateEpoch,
    aptOptions: proxies.options,
    secrets,
    mirror,
    imageSources,
    sources: current.indexes.map(({ url, suite, date }) => ({ url, suite, date })),
    forbidden: forbiddenIn(mirror, proxies.urls, imageSources),
  }
}

interface Refresh {
  readonly mirror: readonly DebSource[]
  readonly secrets: readonly string[]
  readonly wishes: string
  readonly known: Known | undefined
  readonly file: string
  readonly request: PackageRequest
}

/** Equal indexes: nothing is asked further. New indexes with an equal result keep the old date: nothing is built again. */
async function refresh({ mirror, secrets, wishes, known, file, request }: Refresh, run: Run, signal: AbortSignal): Promise<Known> {
  const indexes = await askMirror(mirror, known?.indexes ?? [], signal)
  const same = known && indexes.every(index => known.indexes.some(old => old.url === index.url && old.sha256 === index.sha256))
  if (same) return known
  const directory = join(request.stateDirectory, 'mirror/apt')
  const packages = await resolveWithApt({ sources: mirror, include: request.include, directory, secrets }, run)
  const unchanged = known && JSON.stringify(known.packages) === JSON.stringify(packages)
  const newest = Math.max(...indexes.map(index => Date.parse(index.date))) / 1000
  const next: Known = { wishes, indexes, packages, sourceDateEpoch: unchanged ? known.sourceDateEpoch : newest }
  await writeFileAtomic(file, `${JSON.stringify(next, null, 2)}\n`)
  return next
}

function digest(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
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
  if (lines.length === 0) throw sourcesUnknown(release, stderr.trim().split('\n').slice(-20))
  await writeFileAtomic(file, `${lines.join('\n')}\n`)
  return lines
}

/** The build host's mirror, where the image does not name it itself, its proxies, and all their passwords. */
function forbiddenIn(mirror: readonly DebSource[], proxies: readonly string[], imageSources: readonly string[]) {
  const own = imageSources.join('\n')
  const mirrors = mirror.map(source => source.url)
  return [
    ...hostsOf(mirrors).filter(host => !own.includes(host)).map(value => ({ name: "the build host's mirror", value })),
    ...hostsOf(proxies).map(value => ({ name: "the build host's proxy", value })),
    ...passwordsOf(mirrors).map(value => ({ name: "the mirror's password", value })),
    ...passwordsOf(proxies).map(value => ({ name: "the proxy's password", value })),
  ]
}

/** A bare loopback name stands in every image and tells nothing of the host; with a port it does. */
const everywhere = ['localhost', '127.0.0.1', '[::1]']

function hostsOf(urls: readonly string[]): string[] {
  return [...new Set(urls.map(url => new URL(url).host))].filter(host => !everywhere.includes(host))
}

/** A shorter word would be found in any image by chance. */
const shortestPassword = 5

function passwordsOf(urls: readonly string[]): string[] {
  return [...new Set(urls.map(url => new URL(url).password))].filter(word => word.length >= shortestPassword)
}
