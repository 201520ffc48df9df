/** vhd: the disk as it is, a footer that QEMU and libvhdi read, the size that was asked for. */
import t from 'tap'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { vhdFile, vhdFooter } from '../../pipeline/images/vhd.js'
import { failureOnFullDisk, skipMount } from '../fixtures/images.js'
import { mib, passOver, realRun, requireEqual, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'

const { 'above 2 TiB': _, ...usual } = shapes

for (const [shape, disk] of Object.entries(usual)) {
  t.test(`holds a disk ${shape}`, async t => {
    const directory = t.testdir({})
    const [raw, image] = [writePhonyDisk(directory, disk), join(directory, 'disk.vhd')]
    await passOver(raw, vhdFile(image, 'ciab 1'))
    await requireEqual({ raw, image, format: 'vpc' }, disk)
    const { stdout } = await realRun(['qemu-img', 'info', '--output=json', '-f', 'vpc', '--', image])
    t.equal((JSON.parse(stdout) as { 'virtual-size': number })['virtual-size'], disk.sizeBytes, 'no rounding to a geometry')
    t.match((await realRun(['vhdiinfo', image])).stdout, /Disk type\s+: Fixed/)
  })
}

t.test('leaves out what the disk leaves out', async t => {
  const directory = t.testdir({})
  const image = join(directory, 'disk.vhd')
  await passOver(writePhonyDisk(directory, { sizeBytes: 64 * mib, noise: { [mib]: 512 } }), vhdFile(image, 'ciab 1'))
  t.equal(statSync(image).size, 64 * mib + 512)
  t.ok(statSync(image).blocks * 512 < 3 * mib)
})

t.test('its footer sums up, and its id is the release\'s', async t => {
  const footer = vhdFooter(10 * 1024 * mib, 'ciab 1')
  const sum = footer.readUInt32BE(64)
  footer.writeUInt32BE(0, 64)
  t.equal(sum, ~footer.reduce((total, byte) => total + byte, 0) >>> 0)
  t.notSame(vhdFooter(mib, 'ciab 1').subarray(68, 84), vhdFooter(mib, 'ciab 2').subarray(68, 84))
})

t.test('geometries are those of the specification', async t => {
  const cases: Readonly<Record<number, readonly number[]>> = {
    [40 * mib]: [963, 5, 17],
    [2 * 1024 * mib]: [4161, 16, 63],
    [10 * 1024 * mib]: [20805, 16, 63],
    [3 * 1024 ** 4]: [65535, 16, 255],
  }
  for (const [size, wanted] of Object.entries(cases)) {
    const footer = vhdFooter(Number(size), 'x')
    t.same([footer.readUInt16BE(56), footer[58], footer[59]], wanted, size)
  }
})

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), path => vhdFile(path, 'ciab 1')), 'ENOSPC')
})
