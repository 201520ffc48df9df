/** vhdx: disks of every shape, judged by qemu-img; ids that come from the release. */
import t from 'tap'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { frontedFile } from '../../pipeline/images/fronted.js'
import { vhdx } from '../../pipeline/images/vhdx.js'
import { failureOnFullDisk, skipMount } from '../fixtures/images.js'
import { passOver, realRun, requireEqual, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'

for (const [shape, disk] of Object.entries(shapes)) {
  t.test(`holds a disk ${shape}`, async t => {
    const directory = t.testdir({})
    const [raw, image] = [writePhonyDisk(directory, disk), join(directory, 'disk.vhdx')]
    await passOver(raw, frontedFile(image, vhdx('ciab 1')))
    await realRun(['qemu-img', 'check', '-q', '-f', 'vhdx', '--', image])
    await requireEqual({ raw, image, format: 'vhdx' }, disk)
    const { stdout } = await realRun(['qemu-img', 'info', '--output=json', '-f', 'vhdx', '--', image])
    t.equal((JSON.parse(stdout) as { 'virtual-size': number })['virtual-size'], disk.sizeBytes)
    t.equal(statSync(image).size % (1024 * 1024), 0, 'a whole number of MiB')
  })
}

t.test('equal disks of one release give equal bytes, another release other ids', async t => {
  const directory = t.testdir({})
  const raw = writePhonyDisk(directory, { sizeBytes: 1024 * 1024, noise: { 0: 512 } })
  const paths = ['one', 'two', 'other'].map(name => join(directory, name)) as [string, string, string]
  const [one, two, other] = paths
  await passOver(raw, frontedFile(one, vhdx('ciab 1')), frontedFile(two, vhdx('ciab 1')), frontedFile(other, vhdx('ciab 2')))
  t.ok(readFileSync(one).equals(readFileSync(two)))
  t.notOk(readFileSync(one).equals(readFileSync(other)))
})

t.test('vhdiinfo, which shares no code with QEMU, reads it', async t => {
  const directory = t.testdir({})
  const [raw, image] = [writePhonyDisk(directory, { sizeBytes: 64 * 1024 * 1024, noise: { 0: 512 } }), join(directory, 'disk.vhdx')]
  await passOver(raw, frontedFile(image, vhdx('ciab 1')))
  const { stdout } = await realRun(['vhdiinfo', image])
  t.match(stdout, /Disk type\s+: Dynamic/)
  t.match(stdout, /Media size\s+: 64 MiB \(67108864 bytes\)/)
})

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), path => frontedFile(path, vhdx('ciab 1'))), 'ENOSPC')
})
