/** What a libvirt domain must say of the machine that it describes. */
import { parseXml, valuesByPath } from '../tools/xml.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { fullNameOf } from './target-files.js'
import type { Release } from './target-files.js'

/** @param disk name of the disk's file */
export function askedDomain(disk: string, release: Release): AskedDescriptor {
  const { title, hardware, nestedVirt } = release.spec
  const wanted = {
    'name': fullNameOf(release),
    'title': `${title} ${release.version}`,
    'memory': String(hardware.memoryMib),
    'memory unit': 'MiB',
    'vcpu': String(hardware.cpus),
    'cpu mode': nestedVirt === 'required' ? 'host-passthrough' : 'host-model',
    'devices disk driver type': 'qcow2',
    'devices disk source file': `/var/lib/libvirt/images/${disk}`,
  }
  return { file: 'domain.xml', parse: (text, file) => new Map(valuesByPath(parseXml(text, file))), wanted }
}
