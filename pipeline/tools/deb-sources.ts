/** Where Debian packages come from: this host's own mirror, one that was named, or mmdebstrap's default. */
import type { Run } from './command.js'
import { PipelineError } from '../errors/pipeline-error.js'

/** One repository: `deb <url> <suite> <component>`. */
export interface DebSource {
  /** Without a slash at its end. */
  readonly url: string
  readonly suite: string
  readonly component: string
}

export interface HostMirror {
  readonly main: string
  /** Absent where the host takes no security updates from a mirror of its own. */
  readonly security?: string
}

const archiveKeyring = '/usr/share/keyrings/debian-archive-keyring.gpg'

export interface HostMirrorRequest {
  /** Undefined on a host that is no Debian. */
  readonly codename: string | undefined
  /** Where apt keeps what it made of the host's indexes: many hosts, containers first, have it read them anew each time (0.6 s). */
  readonly cache: string
}

/**
 * The mirror in this host's apt configuration, as apt itself reads it (one-line and deb822 files alike);
 * undefined where the host is no Debian, has no apt, or reads its packages from a disk.
 */
export async function hostMirror(run: Run, { codename, cache }: HostMirrorRequest): Promise<HostMirror | undefined> {
  if (codename === undefined) return undefined
  const format = '$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(ORIGIN)'
  const kept = `--option=Dir::Cache::pkgcache=${cache}`
  const result = await run(['apt-get', 'indextargets', kept, '--format', format, 'Identifier: Packages']).catch(error => {
    if (error instanceof PipelineError && error.code !== 'interrupted') return undefined
    throw error
  })
  const rows = (result?.stdout ?? '').split('\n').map(line => line.split('\t')).filter(isUsable)
  const known = rows.filter(([, , , origin]) => origin === 'Debian')
  const find = (suite: string) =>
    [...known, ...rows].find(([, release, component]) => release === suite && component === 'main')?.[0]
  const main = find(codename)
  const security = find(`${codename}-security`)
  if (main === undefined) return undefined
  return { main: trimSlash(main), ...(security === undefined ? {} : { security: trimSlash(security) }) }
}

/**
 * Over HTTP, and no third party's: some name their suite as Debian does. The origin is empty while the host
 * has no indexes, as in a fresh container.
 */
function isUsable([url = '', , , origin = '']: readonly string[]): boolean {
  return /^https?:\/\//.test(url) && (origin === '' || origin === 'Debian')
}

/** The codename of this host when it is a Debian; from the text of /etc/os-release. */
export function debianCodename(osRelease: string): string | undefined {
  if (!/^ID="?debian"?$/m.test(osRelease)) return undefined
  return /^VERSION_CODENAME="?([a-z]+)"?$/m.exec(osRelease)?.[1]
}

/** The three suites of a stable release. Security updates live in an archive of their own, beside the main one. */
export function suitesOf(release: string, mirror: HostMirror): readonly DebSource[] {
  const { main, security = `${main}-security` } = mirror
  return [
    { url: main, suite: release, component: 'main' },
    { url: main, suite: `${release}-updates`, component: 'main' },
    { url: security, suite: `${release}-security`, component: 'main' },
  ]
}

/** Reads `deb URL SUITE COMPONENT` lines; other lines are left out. */
export function parseSources(text: string): readonly DebSource[] {
  return text.split('\n').flatMap(line => {
    const found = /^deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s+(\S+)/.exec(line.trim())
    return found ? [{ url: trimSlash(found[1] ?? ''), suite: found[2] ?? '', component: found[3] ?? '' }] : []
  })
}

/** The line for a bootstrap on this host, whose own keyring may not know the release: Debian's is named. */
export function formatSource(source: DebSource): string {
  return `deb [signed-by=${archiveKeyring}] ${source.url} ${source.suite} ${source.component}`
}

export function inReleaseUrl(source: DebSource): string {
  return `${source.url}/dists/${source.suite}/InRelease`
}

/** A URL as it may be shown: without user and password. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z+]+:\/\/)[^/@]*@/i, '$1')
}

function trimSlash(url: string): string {
  return url.replace(/\/+$/, '')
}
