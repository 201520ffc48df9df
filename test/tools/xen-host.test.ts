/** xen-host: the whole command line, emulated and with KVM. */
import t from 'tap'
import { xenHostCommand } from '../../pipeline/tools/xen-host.js'
import type { XenHostVm } from '../../pipeline/tools/xen-host.js'

const vm: XenHostVm = {
  qemuBinary: '/guard',
  acceleration: { kind: 'tcg', reason: 'x', qemuVersion: '10.0.2', timeoutFactor: 6 },
  guestMemoryMib: 4096,
  job: '/w/job,1.img',
  exported: { path: '/w/exported.qcow2', format: 'qcow2' },
  hostLog: '/logs/host.log',
  forwards: [{ hostPort: 40080, guestPort: 80 }],
  serialSocket: '/s/serial',
  monitorSocket: '/s/monitor',
}

t.test('boots Xen with Linux as its first module, and memory for the guest besides its own', async t => {
  t.strictSame(xenHostCommand(vm), [
    '/guard',
    '-machine', 'q35', '-accel', 'tcg,thread=single', '-cpu', 'qemu64,+svm,+npt', '-smp', '1', '-m', '5888',
    '-nodefaults', '-display', 'none', '-no-reboot', '-no-user-config',
    '-kernel', 'xen',
    '-append', 'dom0_mem=1024M,max:1024M console=com1 com1=115200,8n1 loglvl=error guest_loglvl=error',
    '-initrd',
    'vmlinuz console=hvc0 root=/dev/vda rootfstype=squashfs ro loglevel=4 panic=-1 init=/usr/lib/pipeline/start-install,initrd.img',
    '-drive', 'file=root.squashfs,if=none,id=root,format=raw,readonly=on', '-device', 'virtio-blk-pci,drive=root,serial=root',
    '-drive', 'file=/w/job,,1.img,if=none,id=kickstart,format=raw,readonly=on', '-device', 'virtio-blk-pci,drive=kickstart,serial=kickstart',
    '-drive', 'file=/w/exported.qcow2,if=none,id=exported,format=qcow2,cache=unsafe,discard=unmap,werror=report', '-device', 'virtio-blk-pci,drive=exported,serial=exported',
    '-netdev', 'user,id=net,hostfwd=tcp:127.0.0.1:40080-:80', '-device', 'virtio-net-pci,netdev=net',
    '-chardev', 'file,id=host,path=/logs/host.log', '-serial', 'chardev:host',
    '-chardev', 'socket,id=serial,path=/s/serial', '-serial', 'chardev:serial',
    '-chardev', 'socket,id=monitor,path=/s/monitor', '-mon', 'chardev=monitor,mode=control',
  ])
})

t.test('gives Xen the processor of a host with KVM', async t => {
  const line = xenHostCommand({ ...vm, acceleration: { kind: 'kvm', reason: 'x', qemuVersion: '10.0.2', timeoutFactor: 1 } }).join(' ')
  t.match(line, ' -accel kvm -cpu host -smp 1 ')
})
