/** What the targets for VMware's hypervisors share: guest needs, names of the guest, the hardware that QEMU can play. */
import type { Family, Spec } from '../spec/types.js'
import { parseVmx } from '../tools/vmx.js'
import type { AskedDescriptor } from './target-descriptors.js'
import type { Release } from './target-files.js'
import type { BootPlan, GuestNeeds, UnshownBoot } from './types.js'

export const vmwareGuest: GuestNeeds = {
  packages: { debian: ['open-vm-tools'], el: ['open-vm-tools'] },
  drivers: ['vmw_pvscsi', 'ahci', 'nvme'],
  modules: ['vmxnet3', 'vmw_vmci'],
  devices: [],
  kernelArguments: [],
}

/** VMware's NVMe needs vmx-13, and pvscsi none: what both products below have in common. */
export const virtualHardware = { vmx: 19, ova: 13 } as const

interface GuestNames {
  /** guestOS of a .vmx of level 19. */
  readonly vmx: string
  /** vmw:osType of an OVF of level 13, which ESXi 6.5 knows. */
  readonly vmwareOsType: string
  /** Of CIM_OperatingSystem. */
  readonly cimOsId: number
  readonly osName: string
  /** Vagrant's plugin for the guest: how it shuts it down, sets its name and network. */
  readonly vagrant: string
}

const guests: Readonly<Record<Family, GuestNames>> = {
  debian: { vmx: 'debian12-64', vmwareOsType: 'other3xLinux64Guest', cimOsId: 96, osName: 'Debian GNU/Linux (64-bit)', vagrant: 'debian' },
  el: { vmx: 'centos7-64', vmwareOsType: 'centos7_64Guest', cimOsId: 107, osName: 'CentOS (64-bit)', vagrant: 'redhat' },
}

export function guestNames({ family }: Spec): GuestNames {
  return guests[family]
}

/** MiB of memory, rounded up: VMware takes multiples of 4. */
export function vmwareMemoryMib({ hardware }: Spec): number {
  return Math.ceil(hardware.memoryMib / 4) * 4
}

/** What a .vmx must say; `file` as errors name it, `disk` the file beside it. */
export function askedVmx({ file, disk }: { readonly file: string; readonly disk: string }, { spec }: Release): AskedDescriptor {
  const wanted = {
    'virtualhw.version': String(virtualHardware.vmx),
    'memsize': String(vmwareMemoryMib(spec)),
    'numvcpus': String(spec.hardware.cpus),
    'vhv.enable': spec.nestedVirt === 'required' ? 'TRUE' : 'FALSE',
    'scsi0.virtualdev': 'pvscsi',
    'scsi0:0.filename': disk,
    'ethernet0.virtualdev': 'vmxnet3',
    'pcibridge4.virtualdev': 'pcieRootPort',
    'firmware': 'efi',
  }
  return { file, parse: parseVmx, wanted }
}

/** Both halves of the machine that the descriptors ask for (EFI, pvscsi, vmxnet3), each on what has a driver for it. */
export function vmwareBoots(disk: Pick<BootPlan, 'disk' | 'member' | 'diskFormat'>): readonly BootPlan[] {
  const hardware = { ...disk, machine: 'q35', networkDevice: 'vmxnet3' }
  return [
    { name: 'bios', firmware: 'bios', diskDevice: 'pvscsi', ...hardware },
    { name: 'uefi', firmware: 'uefi', diskDevice: 'ahci', ...hardware },
  ]
}

export const vmwareUnshown: readonly UnshownBoot[] = [
  {
    name: 'UEFI on pvscsi',
    reason: "Debian's OVMF has no driver for it; pvscsi is booted by BIOS, UEFI on AHCI",
  },
]
