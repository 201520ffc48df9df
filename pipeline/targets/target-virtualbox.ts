/** What the descriptor of VirtualBox is made of, in its own OVA and in a Vagrant box. */
import { derivedUuid } from '../images/guid.js'
import type { StreamVmdkFacts } from '../images/stream-vmdk.js'
import type { Family } from '../spec/types.js'
import { applianceData, fullNameOf } from './target-files.js'
import type { Release } from './target-files.js'

/** VirtualBox's own name, and the number of CIM_OperatingSystem for all other readers. */
const guests: Readonly<Record<Family, { readonly vboxOsType: string; readonly cimOsId: number }>> = {
  debian: { vboxOsType: 'Debian_64', cimOsId: 96 },
  el: { vboxOsType: 'RedHat_64', cimOsId: 80 },
}

/** What VirtualBox writes itself. */
export const vmdkHardwareVersion = 4

export function virtualBoxData(release: Release) {
  const base = fullNameOf(release)
  const [diskUuid, machineUuid] = ['disk', 'machine'].map(what => derivedUuid(`virtualbox ${what}`, base)) as [string, string]
  return {
    ...applianceData(release),
    ...guests[release.spec.family],
    diskUuid,
    diskUuidBraced: `{${diskUuid}}`,
    machineUuidBraced: `{${machineUuid}}`,
    /** Empty: VirtualBox chooses one. */
    macAddress: '',
  }
}

export function ovfSizes({ capacityBytes, populatedBytes, fileBytes }: StreamVmdkFacts) {
  return { diskBytes: capacityBytes, populatedBytes, diskFileBytes: fileBytes }
}
