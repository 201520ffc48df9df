/** monolithicSparse VMDKs of disks of every shape, as the stream ones are held to. */
import t from 'tap'
import { join } from 'node:path'
import { sparseVmdk } from '../../pipeline/images/sparse-vmdk.js'
import { lintVmdk } from '../../pipeline/images/vmdk-lint.js'
import { sha256File } from '../../pipeline/tools/checksum.js'
import { failureOnFullDisk, names, skipMount } from '../fixtures/images.js'
import { passOver, realRun, requireEqual, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'

const writer = (path: string) => sparseVmdk({ path, ...names })

for (const [shape, disk] of Object.entries(shapes)) {
  t.test(`a disk ${shape} is the same in the VMDK`, async t => {
    const directory = t.testdir({})
    const raw = writePhonyDisk(directory, disk)
    const [image, again] = [join(directory, 'one.vmdk'), join(directory, 'two.vmdk')]
    await passOver(raw, writer(image), writer(again))
    const { problems, capacityBytes } = await lintVmdk({ path: image })
    t.same(problems, [])
    t.equal(capacityBytes, Math.ceil(disk.sizeBytes / 512) * 512)
    await realRun(['qemu-img', 'check', '-q', '-f', 'vmdk', image])
    await requireEqual({ raw, image, format: 'vmdk' }, disk)
    t.equal(await sha256File(image), await sha256File(again), 'twice alike')
  })
}

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), writer), 'ENOSPC')
})
