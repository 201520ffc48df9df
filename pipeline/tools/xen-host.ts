/** The command line of a VM that runs Xen: hypervisor, its Debian (dom0), and the drives that a guest is started from. */
import type { Acceleration } from './acceleration.js'
import type { Command } from './command.js'
import { escapeOption, networkArguments, wireArguments, writtenDrive } from './qemu.js'
import type { VmWires } from './qemu.js'

/** What a Xen host boots, and the folder of its own QEMU: names inside `directory`, the folder that QEMU is started in. */
export const xenHostFiles = {
  hypervisor: 'xen', kernel: 'vmlinuz', initrd: 'initrd.img', root: 'root.squashfs', emulator: 'emulator',
} as const

export interface XenHostVm extends VmWires {
  readonly qemuBinary: string
  readonly acceleration: Acceleration
  /** Of the guest; the host's own comes on top. */
  readonly guestMemoryMib: number
  /** The job disk: what the host is to do. */
  readonly job: string
  /** What the guest's disk is made of, byte by byte. */
  readonly exported: { readonly path: string; readonly format: string }
  /** The host's own console is written to this file; the serial socket is the guest's. */
  readonly hostLog: string
}

const dom0MemoryMib = 1024
/** Xen's heap, frame tables, and the shadow of a guest's page tables. */
const xenMemoryMib = 768

/** One for each kind of acceleration; DECISIONS.md says what was tried. */
export const xenCpuModels = { kvm: 'host', tcg: 'qemu64,+svm,+npt' } as const

/**
 * Pure. QEMU boots Xen as a multiboot kernel whose first module is Linux with its arguments. A module's path ends at the
 * first space, so both are named relative to the folder that QEMU must be started in.
 */
export function xenHostCommand(vm: XenHostVm): Command {
  const { kind } = vm.acceleration
  return [
    vm.qemuBinary,
    '-machine', 'q35',
    '-accel', { kvm: 'kvm', tcg: 'tcg,thread=single' }[kind],
    '-cpu', xenCpuModels[kind],
    '-smp', '1',
    '-m', String(vm.guestMemoryMib + dom0MemoryMib + xenMemoryMib),
    '-nodefaults', '-display', 'none', '-no-reboot', '-no-user-config',
    '-kernel', xenHostFiles.hypervisor,
    '-append', xenArguments,
    '-initrd', `${xenHostFiles.kernel} ${linuxArguments},${xenHostFiles.initrd}`,
    ...driveArguments({ id: 'root', path: xenHostFiles.root, format: 'raw', more: 'readonly=on' }),
    ...driveArguments({ id: 'kickstart', path: vm.job, format: 'raw', more: 'readonly=on' }),
    ...driveArguments({ id: 'exported', ...vm.exported, more: writtenDrive }),
    ...networkArguments('virtio-net-pci', vm.forwards),
    '-chardev', `file,id=host,path=${escapeOption(vm.hostLog)}`, '-serial', 'chardev:host',
    ...wireArguments(vm),
  ]
}

const xenArguments = [
  `dom0_mem=${dom0MemoryMib}M,max:${dom0MemoryMib}M`, 'console=com1', 'com1=115200,8n1', 'loglvl=error', 'guest_loglvl=error',
].join(' ')

/** As the installer's: a read-only squashfs with one program, and a kernel that cannot go on ends the VM. */
const linuxArguments = [
  'console=hvc0', 'root=/dev/vda', 'rootfstype=squashfs', 'ro', 'loglevel=4', 'panic=-1', 'init=/usr/lib/pipeline/start-install',
].join(' ')

interface Drive {
  readonly id: string
  readonly path: string
  readonly format: string
  readonly more: string
}

/** The serial number is what the host finds a drive by. */
function driveArguments({ id, path, format, more }: Drive): string[] {
  return [
    '-drive', `file=${escapeOption(path)},if=none,id=${id},format=${format},${more}`,
    '-device', `virtio-blk-pci,drive=${id},serial=${id}`,
  ]
}
