/** What of the build host must be nowhere in the image: names and passwords of its mirror, its proxies, its apt. */
import { parseSources } from '../tools/deb-sources.js'
import type { Needle } from '../tools/needles.js'
import { hostNeedle, urlNeedles } from '../tools/url-secrets.js'

export interface BuildHostSecrets {
  readonly mirrors: readonly string[]
  readonly proxies: readonly string[]
  /** Of apt's auth.conf. */
  readonly logins: readonly string[]
  /** Lines of the image's own sources.list: what they name is no secret. */
  readonly imageSources: readonly string[]
}

/** Each value once; every one is long enough to be searched for, so that no build finds that out at its audit. */
export function hostNeedles({ mirrors, proxies, logins, imageSources }: BuildHostSecrets): readonly Needle[] {
  const own = hostsOf(parseSources(imageSources.join('\n')).map(source => source.url))
  const named = (name: string, values: readonly string[]): readonly Needle[] => [...new Set(values)].map(value => ({ name, value }))
  // apt itself, and copyright files, name the mirrors that Debian runs.
  const hosts = (name: string, values: readonly string[]) => named(name, values).map(needle => ({ ...needle, mayBePackaged: true as const }))
  return [
    ...hosts("the build host's mirror", hostsOf(mirrors).filter(host => !own.includes(host))),
    ...hosts("the build host's proxy", hostsOf(proxies)),
    ...named("the mirror's password", mirrors.flatMap(urlNeedles)),
    ...named("the proxy's password", proxies.flatMap(urlNeedles)),
    ...named("a password of apt's auth.conf", logins),
  ]
}

function hostsOf(urls: readonly string[]): string[] {
  return urls.flatMap(url => hostNeedle(url) ?? [])
}
