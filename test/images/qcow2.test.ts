/** qcow2: disks of every shape, judged by qemu-img and by the reader of its specification, twice alike. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { qcow2, refcountSizes } from '../../pipeline/images/qcow2.js'
import { portabilityProblems, readQcow2Header } from '../../pipeline/tools/qcow2-header.js'
import { failureOnFullDisk, skipMount } from '../fixtures/images.js'
import { passOver, realRun, requireEqual, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'

for (const [shape, disk] of Object.entries(shapes)) {
  t.test(`holds a disk ${shape}`, async t => {
    const directory = t.testdir({})
    const raw = writePhonyDisk(directory, disk)
    const [image, again] = [join(directory, 'one.qcow2'), join(directory, 'two.qcow2')]
    await passOver(raw, qcow2(image), qcow2(again))
    // Strict: a leaked cluster is a fault, too.
    await realRun(['qemu-img', 'check', '-q', '-f', 'qcow2', '--', image])
    await requireEqual({ raw, image, format: 'qcow2' }, disk)
    const header = await readQcow2Header(image)
    const virtualBytes = Math.ceil(disk.sizeBytes / 512) * 512
    t.same(header && portabilityProblems(header, { virtualBytes, clusterBytes: 65536 }), [])
    t.ok(readFileSync(image).equals(readFileSync(again)), 'twice alike')
  })
}

t.test('a guest may write to it: what is there is copied, and every reference count stays right', async t => {
  const directory = t.testdir({})
  const disk = { sizeBytes: 2 ** 30, noise: { 0: 300_000, [600 * 2 ** 20]: 70_000 } }
  const image = join(directory, 'disk.qcow2')
  await passOver(writePhonyDisk(directory, disk), qcow2(image))
  await realRun(['qemu-io', '-f', 'qcow2', '-c', 'write -q -P 7 4096 200000', '-c', 'write -q -P 8 900M 1M', '-c', 'discard -q 600M 128k', image])
  await realRun(['qemu-img', 'check', '-q', '-f', 'qcow2', '--', image])
})

t.test('the counts of a file count themselves', async t => {
  // 32768 counts fit into one block, 8192 blocks into one cluster of their table.
  t.same(refcountSizes(3), [1, 1])
  t.same(refcountSizes(32_766), [1, 1])
  t.same(refcountSizes(32_767), [2, 1])
  t.same(refcountSizes(8192 * 32_768 - 8193), [8192, 1])
  t.same(refcountSizes(8192 * 32_768 - 8192), [8193, 2])
})

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), qcow2), 'ENOSPC')
})
