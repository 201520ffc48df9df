/** qemu: command lines for every firmware and disk bus. */
import t from 'tap'
import { diskVmCommand, networkArguments, knownDiskDevices } from '../../pipeline/tools/qemu.js'
import type { DiskVm } from '../../pipeline/tools/qemu.js'

const vm: DiskVm = {
  qemuBinary: '/guard',
  acceleration: { kind: 'tcg', reason: 'x', qemuVersion: '10.0.2', timeoutFactor: 6 },
  cpus: 2,
  memoryMib: 4096,
  machine: 'q35',
  firmware: { kind: 'bios' },
  disk: { path: '/d/a,b.qcow2', format: 'qcow2', device: 'virtio-blk-pci' },
  networkDevice: 'virtio-net-pci',
  forwards: [{ hostPort: 40022, guestPort: 22 }, { hostPort: 40080, guestPort: 80 }],
  serialSocket: '/s/serial',
  monitorSocket: '/s/monitor',
}

t.test('boots by BIOS from the first disk, with ports on loopback only', async t => {
  t.strictSame(diskVmCommand(vm), [
    '/guard',
    '-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'EPYC', '-smp', '2', '-m', '4096',
    '-nodefaults', '-display', 'none', '-vga', 'std', '-no-reboot', '-no-user-config',
    '-drive', 'file=/d/a,,b.qcow2,if=none,id=disk,format=qcow2,cache=unsafe,discard=unmap,werror=report',
    '-device', 'virtio-blk-pci,drive=disk,bootindex=0',
    '-netdev', 'user,id=net,hostfwd=tcp:127.0.0.1:40022-:22,hostfwd=tcp:127.0.0.1:40080-:80',
    '-device', 'virtio-net-pci,netdev=net',
    '-device', 'virtio-rng-pci',
    '-chardev', 'socket,id=serial,path=/s/serial', '-serial', 'chardev:serial',
    '-chardev', 'socket,id=monitor,path=/s/monitor', '-mon', 'chardev=monitor,mode=control',
  ])
})

t.test('boots by UEFI with its own variables', async t => {
  const line = diskVmCommand({ ...vm, firmware: { kind: 'uefi', code: '/c.fd', variables: '/v.fd' } }).join(' ')
  t.match(line, '-drive if=pflash,unit=0,format=raw,readonly=on,file=/c.fd -drive if=pflash,unit=1,format=raw,file=/v.fd')
})

for (const [device, wanted] of Object.entries({
  pvscsi: '-device pvscsi,id=bus -device scsi-hd,bus=bus.0,drive=disk,bootindex=0',
  nvme: '-device nvme,serial=disk,drive=disk,bootindex=0',
  ahci: '-device ahci,id=bus -device ide-hd,bus=bus.0,drive=disk,bootindex=0',
})) {
  t.test(`puts the disk on ${device}`, async t => {
    t.match(diskVmCommand({ ...vm, disk: { ...vm.disk, device } }).join(' '), wanted)
  })
}

t.test('refuses a disk device it does not know', async t => {
  const wrong = () => diskVmCommand({ ...vm, disk: { ...vm.disk, device: 'floppy' } })
  t.throws(wrong, new TypeError(`unknown disk device "floppy"; known: ${knownDiskDevices.join(', ')}`))
})

t.test('a guest that takes no address from DHCP finds its own network, and is reached there', async t => {
  t.same(networkArguments('e1000', [{ hostPort: 4000, guestPort: 22 }], { address: '192.168.42.2/24', gateway: '192.168.42.1' }), [
    '-netdev', 'user,id=net,net=192.168.42.2/24,host=192.168.42.1,hostfwd=tcp:127.0.0.1:4000-192.168.42.2:22', '-device', 'e1000,netdev=net',
  ])
})
