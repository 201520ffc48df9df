/** Names of the Vagrant boxes: their files, the provider that each is for, and what a catalog calls them. */
import { createHash } from 'node:crypto'
import { fullNameOf } from './target-files.js'
import type { NamedRelease } from './target-files.js'

export const providers = ['libvirt', 'virtualbox', 'vmware_desktop', 'hyperv'] as const
export type Provider = (typeof providers)[number]

/** What a box's name ends with. */
function ending(provider: Provider): string {
  return `-${provider.replace('_', '-')}.box`
}

export function boxName(release: NamedRelease, provider: Provider): string {
  return `${fullNameOf(release)}${ending(provider)}`
}

/** Whose box a file is, by its name; undefined for one that `boxName` does not give. */
export function providerOfBox(file: string): Provider | undefined {
  return providers.find(provider => file.endsWith(ending(provider)))
}

/** The file that lists the boxes. */
export function catalogName({ spec }: Pick<NamedRelease, 'spec'>): string {
  return `${spec.name}.json`
}

/** As `vagrant init` takes it: the same in the catalog beside the boxes and in that of a published channel. */
export function catalogBoxName(appliance: string): string {
  return `evc/${appliance}`
}

/**
 * The version of a release as Vagrant takes it, numbers and dots: the spec's three, the date of its newest input
 * (`20260101093000`, UTC), and one for the whole of the version's text. So it ascends with time, and no two releases
 * have the same, for Vagrant would go on using the box that it has: two of one date differ by the last number, which
 * tells nothing of their order.
 * @param sourceDateEpoch seconds since 1970
 */
export function boxVersion({ version, sourceDateEpoch }: Pick<NamedRelease, 'version'> & { readonly sourceDateEpoch: number }): string {
  const [numbers = ''] = /^\d+(?:\.\d+){0,2}/.exec(version) ?? []
  // As many for every release: a date in the place of a number would be the greater one.
  const three = [...numbers.split('.'), '0', '0', '0'].slice(0, 3).map(number => number.replace(/^0+(?=.)/, '') || '0')
  const date = new Date(sourceDateEpoch * 1000).toISOString().slice(0, 19).replace(/\D/g, '')
  const whole = createHash('sha256').update(version).digest().readUInt32BE()
  return [...three, date, whole].join('.')
}
