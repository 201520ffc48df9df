/** The package set of an appliance: which versions the mirror offers today, asked only when its indexes changed. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { offlineWithoutPackages, sourcesUnknown } from '../errors/media.js'
import { askAptProxies } from '../tools/apt-config.js'
import { readAptLogins } from '../tools/apt-auth.js'
import { resolveWithApt, updateLists } from '../tools/apt-resolve.js'
import { keepLists, withApt } from '../tools/apt-root.js'
import type { AptRequest } from '../tools/apt-root.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import type { Run } from '../tools/command.js'
import { debianCodename, formatSource, hostMirror, parseSources, suitesOf, withoutCredentials } from '../tools/deb-sources.js'
import type { DebSource, HostMirror } from '../tools/deb-sources.js'
import { readIndexes } from '../tools/mirror-state.js'
import type { IndexState } from '../tools/mirror-state.js'
import type { Needle } from '../tools/needles.js'
import { environmentProxies, urlWords } from '../tools/url-secrets.js'
import type { Spec } from '../spec/types.js'
import { hostNeedles } from './host-needles.js'
import type { PackageSource } from './release-folder.js'

export interface PackageSet {
  /** Sorted name=version. */
  readonly packages: readonly string[]
  /** Date of the indexes when the set last changed, seconds since 1970. */
  readonly sourceDateEpoch: number
  /** Lines of apt.conf for the bootstrap: this host's proxies, and where its logins are. */
  readonly aptOptions: readonly string[]
  /** Masked in logs. */
  readonly secrets: readonly string[]
  /** What the bootstrap reads. */
  readonly mirror: readonly DebSource[]
  /** Lines of the image's own sources.list. */
  readonly imageSources: readonly string[]
  /** For the manifest: the image's own, not this host's mirror. */
  readonly sources: readonly PackageSource[]
  /** Strings of this host that must not be in the image. */
  readonly forbidden: readonly Needle[]
}

export interface PackageRequest {
  readonly spec: Pick<Spec, 'name' | 'release' | 'aptSources'>
  readonly include: readonly string[]
  readonly stateDirectory: string
  readonly offline: boolean
  readonly mirror?: string
  /** Its proxies are those of the programs that are run. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** Of the logins. @default /etc/apt */
  readonly aptFolder?: string
}

/** What is kept of the last answer, for each set of wishes. */
interface Known {
  /** Their digest: a mirror's URL may hold a password. */
  readonly wishes: string
  readonly indexes: readonly IndexState[]
  readonly packages: readonly string[]
  readonly sourceDateEpoch: number
  /** The indexes that the set was first seen in, which give it its date; absent in what older versions kept. */
  readonly dated?: readonly IndexState[]
}

/**
 * Errors: `mirror-unreachable`, `mirror-without-suite`, `mirror-refused`, `packages-not-resolved`, `sources-unknown`
 * (exit 4), `offline-without-packages` (2).
 */
export async function resolvePackages(request: PackageRequest, run: Run): Promise<PackageSet> {
  const directory = join(request.stateDirectory, 'mirror')
  await mkdir(directory, { recursive: true })
  const { spec } = request
  const defaults = await defaultSources(spec.release, directory, run)
  const [host, apt, logins] = await Promise.all([
    request.mirror ? undefined : mirrorOfHost(directory, run),
    askAptProxies(run),
    readAptLogins(request.aptFolder),
  ])
  const mirror = mirrorOf(request, host) ?? parseSources(defaults.join('\n'))
  const mirrors = mirror.map(source => source.url)
  const proxies = [...new Set([...apt.urls, ...environmentProxies(request.env)])]
  const secrets = [...new Set([...[...mirrors, ...proxies].flatMap(urlWords), ...logins.secrets])]
  const current = await currentList({ request, run, apt: { sources: mirror, directory, kept: join(directory, `lists-${spec.release}`), secrets } })
  const imageSources = spec.aptSources.length > 0 ? spec.aptSources : defaults
  return {
    packages: current.packages,
    sourceDateEpoch: current.sourceDateEpoch,
    aptOptions: [...apt.options, ...logins.options],
    secrets,
    mirror,
    imageSources,
    sources: publicSources(current.dated ?? current.indexes, imageSources),
    forbidden: hostNeedles({ mirrors, proxies, logins: logins.secrets, imageSources }),
  }
}

interface Asking {
  readonly request: PackageRequest
  readonly apt: AptRequest
  readonly run: Run
}

/** The list that is known, where nothing changed or nobody may be asked; else the one that apt resolves now. */
async function currentList({ request, apt, run }: Asking): Promise<Known> {
  const wishes = digest({ mirror: apt.sources.map(formatSource), include: request.include })
  const file = join(apt.directory, `${request.spec.name}-${wishes.slice(0, 16)}.json`)
  const lists = await readKnown(apt.directory)
  const known = lists.find(list => list.wishes === wishes)
  if (request.offline) {
    if (!known) throw offlineWithoutPackages(request.spec.name)
    return known
  }
  return withApt(apt, async root => {
    await updateLists(root, run)
    const indexes = await readIndexes(root.lists, apt.sources)
    const same = known && indexes.every(index => known.indexes.some(old => old.suite === index.suite && old.sha256 === index.sha256))
    const packages = same ? known.packages : await resolveWithApt(root, request.include, run)
    await keepLists(root)
    if (same) return known
    const next: Known = { wishes, indexes, packages, ...(dateOf(packages, lists) ?? { sourceDateEpoch: newestOf(indexes), dated: indexes }) }
    await writeFileAtomic(file, `${JSON.stringify(next, null, 2)}\n`)
    return next
  })
}

/**
 * An equal list keeps its date and what gave it, whoever did: neither a new signature nor another mirror has anything
 * built again, or makes another manifest of the same version.
 */
function dateOf(packages: readonly string[], lists: readonly Known[]): Required<Pick<Known, 'sourceDateEpoch' | 'dated'>> | undefined {
  const equal = lists.filter(list => JSON.stringify(list.packages) === JSON.stringify(packages))
  const [newest] = equal.sort((a, b) => b.sourceDateEpoch - a.sourceDateEpoch)
  return newest && { sourceDateEpoch: newest.sourceDateEpoch, dated: newest.dated ?? newest.indexes }
}

/** Seconds since 1970. */
function newestOf(indexes: readonly IndexState[]): number {
  return Math.max(...indexes.map(index => Date.parse(index.date))) / 1000
}

/** What people may know of the packages' origin: suite, date and digest, and where the image itself gets its updates. */
function publicSources(indexes: readonly IndexState[], imageSources: readonly string[]): readonly PackageSource[] {
  const own = parseSources(imageSources.join('\n'))
  return indexes.map(({ suite, date, sha256 }) => {
    const found = own.find(source => source.suite === suite)
    return { ...(found ? { url: withoutCredentials(found.url) } : {}), suite, date, sha256 }
  })
}

function digest(value: object): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}

/** Every list that was ever resolved here and can be read. */
async function readKnown(directory: string): Promise<readonly Known[]> {
  const names = (await readdir(directory)).filter(name => name.endsWith('.json'))
  const read = await Promise.all(names.map(name => readFile(join(directory, name), 'utf8').then(parseKnown, () => undefined)))
  return read.filter(list => list !== undefined)
}

function parseKnown(text: string): Known | undefined {
  try {
    const known = JSON.parse(text) as Partial<Known> | null
    return Array.isArray(known?.packages) && Array.isArray(known.indexes) ? (known as Known) : undefined
  } catch {
    return undefined
  }
}

async function mirrorOfHost(directory: string, run: Run): Promise<HostMirror | undefined> {
  const osRelease = await readFile('/etc/os-release', 'utf8').catch(() => '')
  return await hostMirror(run, { codename: debianCodename(osRelease), cache: join(directory, 'host-pkgcache.bin') })
}

/** The named mirror, else this host's; undefined where there is neither. */
function mirrorOf({ spec, mirror }: PackageRequest, host: HostMirror | undefined): readonly DebSource[] | undefined {
  const main = mirror ? { main: mirror.replace(/\/+$/, '') } : host
  return main && suitesOf(spec.release, main)
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
