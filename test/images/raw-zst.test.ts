/** raw.zst of disks of every shape: what zstd unpacks is the disk, and holes take next to no room. */
import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawZst, zeroFrame } from '../../pipeline/images/raw-zst.js'
import { failureOnFullDisk, skipMount } from '../fixtures/images.js'
import { mib, passOver, realRun, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'

const writer = (path: string) => rawZst({ path, run: realRun })
const unpackable = Object.entries(shapes).filter(([, { sizeBytes }]) => sizeBytes < 2 ** 40)

for (const [shape, disk] of [...unpackable, ['with holes between data', { sizeBytes: 60 * mib, noise: { 0: 1, [3 * mib]: 1, [30 * mib]: 20 * mib } }] as const]) {
  t.test(`a disk ${shape} comes out as it was`, async t => {
    const directory = t.testdir({})
    const raw = writePhonyDisk(directory, disk)
    const [image, again, unpacked] = ['one.zst', 'two.zst', 'unpacked'].map(name => join(directory, name)) as [string, string, string]
    await passOver(raw, writer(image), writer(again))
    t.ok(readFileSync(image).equals(readFileSync(again)), 'twice alike')
    await realRun(['zstd', '-q', '-d', '--sparse', '-o', unpacked, '--', image])
    await realRun(['cmp', raw, unpacked])
  })
}

t.test('a hole of 2 TiB takes 4 bytes for each 128 KiB of it', async t => {
  const bytes = [...zeroFrame(2 * 1024 ** 4)].reduce((sum, part) => sum + part.length, 0)
  t.equal(bytes, 14 + 4 * (2 * 1024 ** 4) / (128 * 1024))
})

t.test('frames of zeros of any length unpack to that length', async t => {
  const directory = t.testdir({})
  for (const bytes of [1, 128 * 1024, 128 * 1024 + 1, 9 * mib + 5]) {
    const path = join(directory, 'zeros.zst')
    writeFileSync(path, Buffer.concat([...zeroFrame(bytes)]))
    await realRun(['zstd', '-q', '-d', '-f', '-o', join(directory, 'zeros'), '--', path])
    t.ok(readFileSync(join(directory, 'zeros')).equals(Buffer.alloc(bytes)), String(bytes))
  }
  t.same([...zeroFrame(0)], [])
})

t.test('a full disk is told by zstd', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), writer), 'tool-failed')
})
