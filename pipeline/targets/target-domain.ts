/** What a libvirt domain must say of the machine that it describes. */
import { parseXml } from '../tools/xml.js'
import type { XmlElement } from '../tools/xml.js'
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
  return { file: 'domain.xml', parse: (text, file) => new Map(valuesOf(parseXml(text, file))), wanted }
}

/** Texts and attributes of everything below an element, each with the path to it; of what comes twice, the last. */
function valuesOf({ children }: XmlElement, path: readonly string[] = []): readonly (readonly [string, string])[] {
  return children.flatMap(child => {
    const here = [...path, child.name]
    const attributes = Object.entries(child.attributes).map(([name, value]) => [[...here, name].join(' '), value] as const)
    return [[here.join(' '), child.text] as const, ...attributes, ...valuesOf(child, here)]
  })
}
