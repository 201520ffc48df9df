/** Names of the Vagrant boxes: their files, the provider that each is for, and what a catalog calls them. */
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

/** Vagrant wants numbers and dots: a build's own part cannot stand in it. */
export function boxVersion({ version }: Pick<NamedRelease, 'version'>): string {
  return version.replace(/[+-].*$/, '')
}
