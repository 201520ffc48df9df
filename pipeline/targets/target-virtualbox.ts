/** What the descriptor of VirtualBox is made of, in its own OVA and in a Vagrant box. */
import { derivedUuid } from '../images/guid.js'
import type { StreamVmdkFacts } from '../images/stream-vmdk.js'
import type { Family } from '../spec/types.js'
import { parseOvf } from '../tools/ovf.js'
import type { AskedDescriptor } from './target-descriptors.js'
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
  const diskUuid = uuidOf('disk', release)
  return {
    ...applianceData(release),
    ...guests[release.spec.family],
    diskUuid,
    diskUuidBraced: `{${diskUuid}}`,
    machineUuidBraced: `{${uuidOf('machine', release)}}`,
    /** Empty: VirtualBox chooses one. */
    macAddress: '',
  }
}

function uuidOf(what: 'disk' | 'machine', release: Release): string {
  return derivedUuid(`virtualbox ${what}`, fullNameOf(release))
}

interface VirtualBoxFiles {
  /** The descriptor, as errors name it. */
  readonly file: string
  readonly disk: string
  /** Absent: VirtualBox chooses one. */
  readonly macAddress?: string
}

/** What the descriptor must say, twice where it asks for nesting: VirtualBox reads the one part then, all others the other. */
export function askedVirtualBox({ file, disk, macAddress }: VirtualBoxFiles, release: Release): AskedDescriptor {
  const { hardware, nestedVirt } = release.spec
  const nested = <Value>(value: Value) => (nestedVirt === 'required' ? value : undefined)
  const wanted = {
    'system type': 'virtualbox-2.2',
    'processors': hardware.cpus,
    'memory': `${hardware.memoryMib} byte * 2^20`,
    'network card': 'E1000',
    'disk controller': 'AHCI',
    'disk file': disk,
    'disk id': uuidOf('disk', release),
    'Machine nesting': nested('true'),
    'Machine processors': nested(String(hardware.cpus)),
    'Machine memory': nested(String(hardware.memoryMib)),
    'Machine network card': nested('82540EM'),
    'Machine MAC': nested(macAddress),
    'Machine disk controller': nested('AHCI'),
    'Machine disk': nested(`{${uuidOf('disk', release)}}`),
  }
  return { file, parse: parseOvf, wanted }
}

export function ovfSizes({ capacityBytes, populatedBytes, fileBytes }: StreamVmdkFacts) {
  return { diskBytes: capacityBytes, populatedBytes, diskFileBytes: fileBytes }
}
