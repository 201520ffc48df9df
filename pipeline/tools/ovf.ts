/** Reads what an OVF says of its machine, as VMware and VirtualBox take it: hardware by what it is, settings by their keys. */
import { elementsAt, parseXml } from './xml.js'
import type { XmlElement } from './xml.js'

const vmwareSpace = 'http://www.vmware.com/schema/ovf'
const virtualBoxSpace = 'http://www.virtualbox.org/ovf/machine'

/** ResourceType, by CIM. */
const types = { processors: '3', memory: '4', network: '10', disk: '17' } as const

/**
 * Of what is there more than once, all of it. VMware's settings as `Config <key>`; what VirtualBox reads in place of the
 * hardware, where it is there, as `Machine <what>`. `file` names it in errors. Errors: `xml-wrong` (exit 5).
 */
export function parseOvf(text: string, file: string): ReadonlyMap<string, unknown> {
  const root = parseXml(text, file)
  return new Map(Object.entries({ ...hardwareOf(root), ...configsOf(root), ...machineOf(root) }).filter(([, value]) => value !== undefined))
}

function hardwareOf(root: XmlElement): Readonly<Record<string, unknown>> {
  const section = ['VirtualSystem', 'VirtualHardwareSection']
  const items = elementsAt(root, [...section, 'Item']).map(item => new Map(item.children.map(({ name, text }) => [name, text])))
  const ofType = (type: string) => items.filter(item => item.get('ResourceType') === type)
  const disks = ofType(types.disk)
  return {
    'system type': one(textsAt(root, [...section, 'System', 'VirtualSystemType'])),
    'processors': one(ofType(types.processors).map(item => Number(item.get('VirtualQuantity')))),
    'memory': one(ofType(types.memory).map(item => `${item.get('VirtualQuantity')} ${item.get('AllocationUnits')}`)),
    'network card': one(ofType(types.network).map(item => item.get('ResourceSubType'))),
    'disk controller': one(disks.map(disk => items.find(item => item.get('InstanceID') === disk.get('Parent'))?.get('ResourceSubType'))),
    'disk file': one(disks.map(disk => fileOf(root, disk.get('HostResource')))),
  }
}

/** `ovf:/disk/<id>` leads to a Disk, that to a File. */
function fileOf(root: XmlElement, hostResource = ''): string | undefined {
  const find = (path: readonly string[], key: string, id: string | undefined) => elementsAt(root, path).find(({ attributes }) => attributes[key] === id)?.attributes
  const disk = find(['DiskSection', 'Disk'], 'ovf:diskId', hostResource.replace('ovf:/disk/', ''))
  return find(['References', 'File'], 'ovf:id', disk?.['ovf:fileRef'])?.['ovf:href']
}

/** VMware reads them there and nowhere else. */
function configsOf(root: XmlElement): Readonly<Record<string, unknown>> {
  const configs = elementsAt(root, ['VirtualSystem', 'VirtualHardwareSection', 'Config']).filter(({ uri }) => uri === vmwareSpace)
  const keys = new Set(configs.map(({ attributes }) => attributes['vmw:key'] ?? ''))
  const valuesOf = (key: string) => configs.filter(({ attributes }) => attributes['vmw:key'] === key).map(({ attributes }) => attributes['vmw:value'])
  return Object.fromEntries([...keys].map(key => [`Config ${key}`, one(valuesOf(key))]))
}

function machineOf(root: XmlElement): Readonly<Record<string, unknown>> {
  const machines = elementsAt(root, ['VirtualSystem', 'Machine']).filter(({ uri }) => uri === virtualBoxSpace)
  const values = (key: string, ...path: string[]) => one(machines.flatMap(machine => elementsAt(machine, path)).map(({ attributes }) => attributes[key]))
  const storage = ['StorageControllers', 'StorageController']
  return {
    'Machine processors': values('count', 'Hardware', 'CPU'),
    'Machine nesting': values('enabled', 'Hardware', 'CPU', 'NestedHWVirt'),
    'Machine memory': values('RAMSize', 'Hardware', 'Memory'),
    'Machine network card': values('type', 'Hardware', 'Network', 'Adapter'),
    'Machine MAC': values('MACAddress', 'Hardware', 'Network', 'Adapter'),
    'Machine disk controller': values('type', ...storage),
    'Machine disk': values('uuid', ...storage, 'AttachedDevice', 'Image'),
    'disk id': one(elementsAt(root, ['DiskSection', 'Disk']).map(({ attributes }) => attributes['vbox:uuid'])),
  }
}

function textsAt(root: XmlElement, path: readonly string[]): readonly string[] {
  return elementsAt(root, path).map(({ text }) => text)
}

function one<Value>(values: readonly Value[]): Value | readonly Value[] | undefined {
  return values.length > 1 ? values : values[0]
}
