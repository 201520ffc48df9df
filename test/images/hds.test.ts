/** hds: disks of every shape, judged by qemu-img. */
import t from 'tap'
import { join } from 'node:path'
import { frontedFile } from '../../pipeline/images/fronted.js'
import { hds } from '../../pipeline/images/hds.js'
import { failureOnFullDisk, skipMount } from '../fixtures/images.js'
import { passOver, realRun, requireEqual, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'

for (const [shape, disk] of Object.entries(shapes)) {
  t.test(`holds a disk ${shape}`, async t => {
    const directory = t.testdir({})
    const [raw, image] = [writePhonyDisk(directory, disk), join(directory, 'disk.hds')]
    await passOver(raw, frontedFile(image, hds))
    await realRun(['qemu-img', 'check', '-q', '-f', 'parallels', '--', image])
    await requireEqual({ raw, image, format: 'parallels' }, disk)
    const { stdout } = await realRun(['qemu-img', 'info', '--output=json', '-f', 'parallels', '--', image])
    t.equal((JSON.parse(stdout) as { 'virtual-size': number })['virtual-size'], disk.sizeBytes)
  })
}

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), path => frontedFile(path, hds)), 'ENOSPC')
})
