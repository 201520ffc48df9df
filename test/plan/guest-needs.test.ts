/** guest-needs: the needs of every target of the spec, each once. */
import t from 'tap'
import { mergeGuestNeeds } from '../../pipeline/plan/guest-needs.js'
import kvm from '../../pipeline/targets/kvm.js'

const disk = { device: 'disk', alias: 'xen:vbd', driver: 'xen_blkfront', place: 'initramfs' } as const
const xen = {
  ...kvm,
  name: 'xen',
  guest: { packages: { debian: ['xenstore-utils', 'qemu-guest-agent'], el: [] }, drivers: ['xen_blkfront', 'virtio_blk'], modules: ['a'], devices: [disk, disk], kernelArguments: [] },
}

t.test('merges and sorts the needs of the targets that the spec lists', async t => {
  t.strictSame(mergeGuestNeeds([kvm, xen], { family: 'debian', targets: ['xen', 'kvm'] }), {
    drivers: ['virtio_blk', 'virtio_pci', 'virtio_scsi', 'xen_blkfront'],
    modules: ['a', 'virtio_balloon', 'virtio_net', 'virtio_rng'],
    packages: ['qemu-guest-agent', 'xenstore-utils'],
    devices: [disk],
  })
  t.strictSame(mergeGuestNeeds([kvm, xen], { family: 'el', targets: ['xen'] }).packages, [])
  t.strictSame(mergeGuestNeeds([kvm, xen], { family: 'debian', targets: ['kvm'] }).devices, [])
})
