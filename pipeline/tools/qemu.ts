/** The command line that boots a finished disk: firmware, disk bus, loopback ports, serial and monitor sockets. */
import type { Acceleration } from './acceleration.js'
import type { Command } from './command.js'
import { vmArguments } from './vm-arguments.js'

export type Firmware =
  | { readonly kind: 'bios' }
  /** `variables` is written to: give a copy of ovmf.variables. */
  | { readonly kind: 'uefi'; readonly code: string; readonly variables: string }

/** Debian's ovmf package, the 4 MiB build without secure boot keys. */
export const ovmf = {
  code: '/usr/share/OVMF/OVMF_CODE_4M.fd',
  variables: '/usr/share/OVMF/OVMF_VARS_4M.fd',
} as const

export interface PortForward {
  /** On 127.0.0.1. */
  readonly hostPort: number
  readonly guestPort: number
}

/** How a running VM is reached. */
export interface VmWires {
  readonly forwards: readonly PortForward[]
  /** Unix sockets that we listen on; QEMU connects at its start, so nothing is lost. */
  readonly serialSocket: string
  readonly monitorSocket: string
}

export interface DiskVm extends VmWires {
  /** QEMU itself, or a guard that ends it together with us. */
  readonly qemuBinary: string
  readonly acceleration: Acceleration
  readonly cpus: number
  readonly memoryMib: number
  /** QEMU's machine type, `q35` or `pc`. */
  readonly machine: string
  readonly firmware: Firmware
  readonly disk: { readonly path: string; readonly format: string; readonly device: string }
  readonly networkDevice: string
  /** Of a guest that takes no address from DHCP. @default QEMU's own network */
  readonly staticNetwork?: StaticNetwork
}

export interface StaticNetwork {
  /** `192.168.42.2/24`: the guest's own. */
  readonly address: string
  /** Where the guest looks for its router. */
  readonly gateway: string
}

/**
 * Options of a drive that is written to and thrown away. The guest is told of a write that fails: QEMU's own way with a
 * full disk is to stop the machine, and to wait without a word until somebody makes room.
 */
export const writtenDrive = 'cache=unsafe,discard=unmap,werror=report'

/** Pure. Throws TypeError on a disk device it does not know (a fault of a target's file). */
export function diskVmCommand(vm: DiskVm): Command {
  return [
    vm.qemuBinary,
    ...vmArguments(vm.acceleration, vm),
    '-nodefaults', '-display', 'none', '-vga', 'std', '-no-reboot', '-no-user-config',
    ...firmwareArguments(vm.firmware),
    '-drive', `file=${escapeOption(vm.disk.path)},if=none,id=disk,format=${vm.disk.format},${writtenDrive}`,
    ...diskArguments(vm.disk.device),
    ...networkArguments(vm.networkDevice, vm.forwards, vm.staticNetwork),
    '-device', 'virtio-rng-pci',
    ...wireArguments(vm),
  ]
}

/** One card, behind QEMU's own network; each port of the guest is on loopback. */
export function networkArguments(device: string, forwards: readonly PortForward[], fixed?: StaticNetwork): string[] {
  const [guest = ''] = fixed?.address.split('/') ?? []
  const network = fixed ? [`net=${fixed.address}`, `host=${fixed.gateway}`] : []
  const options = ['user,id=net', ...network, ...forwards.map(forward => formatForward(forward, guest))]
  return ['-netdev', options.join(','), '-device', `${device},netdev=net`]
}

/** The next serial port and the monitor, on the sockets. */
export function wireArguments({ serialSocket, monitorSocket }: Pick<VmWires, 'serialSocket' | 'monitorSocket'>): string[] {
  return [
    '-chardev', `socket,id=serial,path=${escapeOption(serialSocket)}`,
    '-serial', 'chardev:serial',
    '-chardev', `socket,id=monitor,path=${escapeOption(monitorSocket)}`,
    '-mon', 'chardev=monitor,mode=control',
  ]
}

function firmwareArguments(firmware: Firmware): string[] {
  if (firmware.kind === 'bios') return []
  return [
    '-drive', `if=pflash,unit=0,format=raw,readonly=on,file=${escapeOption(firmware.code)}`,
    '-drive', `if=pflash,unit=1,format=raw,file=${escapeOption(firmware.variables)}`,
  ]
}

/** bootindex=0, or OVMF tries the network first. */
const drive = 'drive=disk,bootindex=0'
const scsiController = (device: string) => ['-device', `${device},id=bus`, '-device', `scsi-hd,bus=bus.0,${drive}`]

const diskDevices: Readonly<Record<string, readonly string[]>> = {
  'virtio-blk-pci': ['-device', `virtio-blk-pci,${drive}`],
  'virtio-scsi-pci': scsiController('virtio-scsi-pci'),
  pvscsi: scsiController('pvscsi'),
  nvme: ['-device', `nvme,serial=disk,${drive}`],
  ahci: ['-device', 'ahci,id=bus', '-device', `ide-hd,bus=bus.0,${drive}`],
  'ide-hd': ['-device', `ide-hd,${drive}`],
}

/** QEMU device names a target may choose for the disk. */
export const knownDiskDevices: readonly string[] = Object.keys(diskDevices)

function diskArguments(device: string): readonly string[] {
  const found = diskDevices[device]
  if (!found) throw new TypeError(`unknown disk device "${device}"; known: ${knownDiskDevices.join(', ')}`)
  return found
}

/** @param guest empty: the address that QEMU's own DHCP gives first */
function formatForward({ hostPort, guestPort }: PortForward, guest: string): string {
  return `hostfwd=tcp:127.0.0.1:${hostPort}-${guest}:${guestPort}`
}

/** QEMU takes a comma inside an option's value for a separator unless it is doubled. */
export function escapeOption(value: string): string {
  return value.replaceAll(',', ',,')
}
