/** What the files of a Vagrant box must say of its machine: held when they are rendered, and again where Vagrant put them. */
import { derivedUuid } from '../images/guid.js'
import type { Spec } from '../spec/types.js'
import { parseHypervBox } from '../tools/hyperv-box.js'
import { parseJson } from '../tools/json.js'
import type { Json } from '../tools/json.js'
import { parseVagrantfile } from '../tools/vagrantfile.js'
import type { Provider } from './target-boxes.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { fullNameOf } from './target-files.js'
import type { Release } from './target-files.js'
import { hypervMemoryMib } from './target-hyperv.js'
import { askedVirtualBox } from './target-virtualbox.js'
import { askedVmx, vmwareMemoryMib } from './target-vmware.js'

/** Where the disk lies in each box, and qemu-img's name of its format. */
export const boxDisks: Readonly<Record<Provider, { readonly member: string; readonly format: string }>> = {
  libvirt: { member: 'box.img', format: 'qcow2' },
  virtualbox: { member: 'box.vmdk', format: 'vmdk' },
  vmware_desktop: { member: 'box.vmdk', format: 'vmdk' },
  hyperv: { member: 'Virtual Hard Disks/box.vhdx', format: 'vhdx' },
}

/** VirtualBox' own range; Vagrant gives it to every machine of the box, and wants it to be the descriptor's. */
export function boxMac(release: Release): string {
  return `080027${derivedUuid('vagrant mac', fullNameOf(release)).slice(0, 6).toUpperCase()}`
}

/** MiB of memory, rounded up to what the provider takes. */
export function boxMemoryMib(provider: Provider, spec: Spec): number {
  if (provider === 'vmware_desktop') return vmwareMemoryMib(spec)
  return provider === 'hyperv' ? hypervMemoryMib(spec) : spec.hardware.memoryMib
}

/** By their paths in the box; all but the disk. */
export function askedBoxFiles(provider: Provider, release: Release): Readonly<Record<string, AskedDescriptor>> {
  const named = (path: string) => `${path} (${provider})`
  const machines = {
    libvirt: {},
    virtualbox: { 'box.ovf': askedVirtualBox({ file: named('box.ovf'), disk: 'box.vmdk', macAddress: boxMac(release) }, release) },
    vmware_desktop: { 'box.vmx': askedVmx({ file: named('box.vmx'), disk: 'box.vmdk' }, release) },
    hyperv: { [hypervMachine]: askedHyperv(named('box.xml'), release) },
  }
  const common = { 'metadata.json': askedMetadata(provider, release), 'Vagrantfile': askedVagrantfile(provider, release) }
  return { ...machines[provider], ...common }
}

/** The folder is Vagrant's, which takes the first .xml or .vmcx in it. */
export const hypervMachine = 'Virtual Machines/box.xml'

function askedHyperv(file: string, { spec, version }: Release): AskedDescriptor {
  const { hardware } = spec
  const wanted = {
    'name': fullNameOf({ spec, version }),
    'generation': 2,
    'first boot device': 'HardDrive',
    'secure boot': false,
    // A machine of generation 2 has no other controller.
    'drives': ['SCSI 0: box.vhdx'],
    'processors': hardware.cpus,
    'memory MiB': hypervMemoryMib(spec),
    'dynamic memory': false,
  }
  return { file, parse: parseHypervBox, wanted }
}

function askedMetadata(provider: Provider, { spec }: Release): AskedDescriptor {
  const disk = provider === 'libvirt' ? { format: boxDisks.libvirt.format, virtual_size: spec.hardware.diskGib } : {}
  const wanted = { provider, architecture: spec.architecture, ...disk }
  return { file: `metadata.json (${provider})`, parse: (text, file) => new Map(Object.entries((parseJson(text, file) as Record<string, Json> | null) ?? {})), wanted }
}

/** In each provider's own words. */
function askedVagrantfile(provider: Provider, release: Release): AskedDescriptor {
  const { hardware, nestedVirt } = release.spec
  const nested = <Value>(value: Value) => (nestedVirt === 'required' ? value : undefined)
  const memoryMib = boxMemoryMib(provider, release.spec)
  const sizes = { 'machine.memory': memoryMib, 'machine.cpus': hardware.cpus }
  const wanted = {
    libvirt: { ...sizes, 'machine.cpu_mode': nested('host-passthrough'), 'machine.nested': nested(true) },
    virtualbox: { ...sizes, 'config.vm.base_mac': boxMac(release), 'machine.customize': nested('["modifyvm", :id, "--nested-hw-virt", "on"]') },
    vmware_desktop: {
      'machine.vmx["memsize"]': String(memoryMib),
      'machine.vmx["numvcpus"]': String(hardware.cpus),
      'machine.vmx["vhv.enable"]': nested('TRUE'),
    },
    hyperv: { ...sizes, 'machine.maxmemory': undefined, 'machine.enable_virtualization_extensions': nested(true) },
  }
  return { file: `Vagrantfile (${provider})`, parse: parseVagrantfile, wanted: wanted[provider] }
}
