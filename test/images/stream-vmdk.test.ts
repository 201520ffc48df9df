/** streamOptimized VMDKs of disks of every shape: qemu-img sees the same disk, the rules of the format are kept, twice alike. */
import t from 'tap'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileSink } from '../../pipeline/images/byte-sink.js'
import { streamVmdk } from '../../pipeline/images/stream-vmdk.js'
import { lintVmdk } from '../../pipeline/images/vmdk-lint.js'
import { failureOnFullDisk, names, skipMount } from '../fixtures/images.js'
import { passOver, realRun, requireEqual, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'

const writer = (path: string) => streamVmdk({ sink: fileSink(path), ...names })

for (const [shape, disk] of Object.entries(shapes)) {
  t.test(`a disk ${shape} is the same in the VMDK`, async t => {
    const directory = t.testdir({})
    const raw = writePhonyDisk(directory, disk)
    const [image, again] = [join(directory, 'one.vmdk'), join(directory, 'two.vmdk')]
    const written = writer(image)
    await passOver(raw, written, writer(again))
    const { problems, capacityBytes, grains } = await lintVmdk({ path: image })
    t.same(problems, [])
    const capacity = Math.ceil(disk.sizeBytes / 512) * 512
    t.same(written.facts(), { capacityBytes: capacity, populatedBytes: grains * 65536, fileBytes: statSync(image).size })
    t.equal(capacityBytes, capacity)
    await realRun(['qemu-img', 'check', '-q', '-f', 'vmdk', image])
    await requireEqual({ raw, image, format: 'vmdk' }, disk)
    t.ok(readFileSync(image).equals(readFileSync(again)), 'twice alike')
  })
}

t.test('a disk whose size is no whole number of sectors gets one more', async t => {
  const directory = t.testdir({})
  const disk = { sizeBytes: 70_001, noise: { 65_536: 4_465 } }
  const raw = writePhonyDisk(directory, disk)
  const image = join(directory, 'one.vmdk')
  await passOver(raw, writer(image))
  t.equal((await lintVmdk({ path: image })).capacityBytes, 70_144)
  await requireEqual({ raw, image, format: 'vmdk' }, disk)
})

t.test('libvmdk reads it as streamOptimized', async t => {
  const directory = t.testdir({})
  const image = join(directory, 'one.vmdk')
  await passOver(writePhonyDisk(directory, { sizeBytes: 2 ** 20, noise: { 0: 512 } }), writer(image))
  t.match((await realRun(['vmdkinfo', image])).stdout, /Stream optimized/)
})

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), writer), 'ENOSPC')
})
