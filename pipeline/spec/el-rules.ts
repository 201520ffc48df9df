/** Rules of the el family: where its packages come from, and whether the cloud's addresses and the role's needs are met. */
import { suggest } from '../errors/nearest.js'
import { fixedDefaults } from './defaults.js'
import { isIso } from './mirrored.js'
import { contains, formatSubnet, isHostAddress, parseAddress, parseRange, parseSubnet } from './ipv4.js'
import type { Rule, Violation } from './rule.js'
import type { ElRepository, ElSpec, Spec } from './types.js'

interface RoleNeeds {
  readonly memoryMib: number
  readonly diskGib: number
}

/**
 * By the name of the kickstart; the Java service alone takes a GiB, the database and the node controller as much again.
 * Those without a cloud are as large as Anaconda's memory and the partitions of parts/disk.ks.
 */
const roleNeeds: Readonly<Record<string, RoleNeeds>> = {
  ciab: { memoryMib: 6144, diskGib: 40 },
  frontend: { memoryMib: 4096, diskGib: 40 },
  nc: { memoryMib: 2048, diskGib: 20 },
  core: { memoryMib: 1024, diskGib: 12 },
  minimal: { memoryMib: 1024, diskGib: 12 },
}

export const elRuleset: readonly Rule[] = [ofItsFamily, sourcesAreNamed, kickstartIsFound, keysAreKnown, roleFits, addressesAreUsable]

/** The generation of Anaconda, of systemd or of GRUB: `6` of `6.10`. */
export function generationOf(release: string): number {
  return Number(release.split('.')[0])
}

/** The role a kickstart installs: its file's name. */
export function roleOf(spec: Pick<Spec, 'kickstart'>): string {
  return (spec.kickstart.split('/').at(-1) ?? '').replace(/\.ks(\.hbs)?$/, '')
}

/** Names of the keys that sign a repository's packages. */
export function keysOf({ key }: Pick<ElRepository, 'key'>): readonly string[] {
  return typeof key === 'string' ? [key] : key
}

/** GiB of the smallest disk that takes the role; one that is not known here asks for what the spec has. */
export function leastDiskGib(role: string, { hardware }: Pick<Spec, 'hardware'>): number {
  return roleNeeds[role]?.diskGib ?? hardware.diskGib
}

function ofItsFamily({ family, el }: Spec): readonly Violation[] {
  if (family === 'el') return []
  const defaults: ElSpec = fixedDefaults.el
  const written = (Object.keys(defaults) as (keyof ElSpec)[]).filter(key => JSON.stringify(el[key]) !== JSON.stringify(defaults[key]))
  return written.map(key => ({
    path: ['el', key],
    problem: `the ${family} family does not use it`,
    hint: 'Leave the key out.',
  }))
}

/** An ISO on disk may be named by its path; what is fetched is never taken without its checksum. */
function sourcesAreNamed({ family, el }: Spec): readonly Violation[] {
  if (family !== 'el') return []
  const pairs: readonly (readonly [keyof ElSpec, keyof ElSpec])[] = [['installerUrl', 'installerSha256'], ['demoImageUrl', 'demoImageSha256']]
  return pairs.flatMap(([url, sha256]) => {
    if (url === 'installerUrl' && el[url] === '') {
      return [{ path: ['el', url], problem: 'Anaconda has nothing to start from', hint: 'Name a boot ISO or an installation tree.' }]
    }
    if (url === 'installerUrl' && !isIso(el) && !/^https?:/.test(el[url])) {
      return [{ path: ['el', url], problem: `Anaconda reads a tree over HTTP, and ${el[url]} is no such address`, hint: 'Name an address with http or https, or a boot ISO.' }]
    }
    if (url === 'demoImageUrl' && el[url] !== '' && !/^https?:\/\//.test(el[url])) {
      return [{
        path: ['el', url],
        problem: `the machine that is being installed fetches it over HTTP, and ${el[url]} is no such address`,
        hint: 'Name an address with http or https; a file of yours goes on a web server of yours.',
      }]
    }
    if (el[url] === '' || el[sha256] !== '') return []
    return [{ path: ['el', sha256], problem: `el.${url} has no checksum`, hint: 'Add its SHA-256: sha256sum FILE.' }]
  })
}

/** RHEL 6 takes what lies on a disk with this label for drivers. */
function kickstartIsFound({ family, release, el }: Spec): readonly Violation[] {
  if (family !== 'el' || el.kickstartBy !== 'disk' || generationOf(release) >= 7) return []
  return [{
    path: ['el', 'kickstartBy'],
    problem: `Anaconda of release ${release} looks for no kickstart on a disk labelled OEMDRV`,
    hint: 'Set it to http, or leave it out.',
  }]
}

function keysAreKnown({ el }: Spec): readonly Violation[] {
  const known = Object.keys(el.keys).sort()
  return Object.entries(el.repositories).flatMap(([id, repository]) =>
    keysOf(repository)
      .filter(key => !known.includes(key))
      .map(key => ({ path: ['el', 'repositories', id, 'key'], problem: `there is no key "${key}" in el.keys`, hint: suggest(key, known, 'Keys') }))
  )
}

function roleFits({ family, hardware, kickstart }: Spec): readonly Violation[] {
  const role = roleOf({ kickstart })
  const needs = family === 'el' ? roleNeeds[role] : undefined
  if (!needs) return []
  const lacking = (key: 'memoryMib' | 'diskGib', unit: string): readonly Violation[] =>
    hardware[key] >= needs[key]
      ? []
      : [{
          path: ['hardware', key],
          problem: `${hardware[key]} ${unit} are too little for the role ${role}`,
          hint: `Give it ${needs[key]} ${unit} or more.`,
        }]
  return [...lacking('memoryMib', 'MiB'), ...lacking('diskGib', 'GiB')]
}

function addressesAreUsable({ family, el, network, cloud }: Spec): readonly Violation[] {
  if (family !== 'el') return []
  return [
    ...rangeFits('publicAddresses', el.publicAddresses, {
      subnet: network.fallbackAddress,
      of: 'network.fallbackAddress',
      taken: { "the appliance's": network.fallbackAddress.split('/')[0] ?? '', "the gateway's": network.fallbackGateway },
    }),
    ...rangeFits('privateAddresses', el.privateAddresses, {
      subnet: cloud.bridgeAddress,
      of: 'cloud.bridgeAddress',
      taken: { "the bridge's": cloud.bridgeAddress.split('/')[0] ?? '' },
    }),
  ]
}

interface Surroundings {
  readonly subnet: string
  /** The key it comes from. */
  readonly of: string
  /** Addresses that must not be in the range, by whose they are. */
  readonly taken: Readonly<Record<string, string>>
}

function rangeFits(key: keyof ElSpec, text: string, around: Surroundings): readonly Violation[] {
  // Without a cloud in it, a role needs no addresses.
  if (text === '') return []
  const path = ['el', key]
  const range = parseRange(text)
  if (!range) return [{ path, problem: `${text} is no range of IPv4 addresses`, hint: 'Write first-last, such as 192.168.42.100-192.168.42.199.' }]
  const subnet = parseSubnet(around.subnet)
  if (!subnet) return []
  if (!isHostAddress(range.first, subnet) || !isHostAddress(range.last, subnet)) {
    return [{ path, problem: `${text} is not inside ${formatSubnet(subnet)}`, hint: `Take addresses from the subnet of ${around.of}.` }]
  }
  return Object.entries(around.taken).flatMap(([whose, address]) => {
    const number = parseAddress(address)
    return number !== undefined && contains(range, number)
      ? [{ path, problem: `${text} holds ${whose} own address ${address}`, hint: 'Take a range without it.' }]
      : []
  })
}
