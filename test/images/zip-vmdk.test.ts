/** A zip with a VMDK in it, of disks of every shape: unzip and bsdtar take out the VMDK that is written beside it. */
import t from 'tap'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { sparseVmdk } from '../../pipeline/images/sparse-vmdk.js'
import { zipVmdk } from '../../pipeline/images/zip-vmdk.js'
import { sha256File } from '../../pipeline/tools/checksum.js'
import { failureOnFullDisk, names, skipMount, sourceDateEpoch } from '../fixtures/images.js'
import { passOver, realRun, shapes, writePhonyDisk } from '../fixtures/phony-disk.js'

const files = [{ name: 'box/LIES MICH.txt', content: 'für alle\n' }]
const writer = (path: string) => zipVmdk({ path, sourceDateEpoch, files, diskName: 'box/disk.vmdk', disk: names })

for (const [shape, disk] of Object.entries(shapes)) {
  t.test(`a disk ${shape} comes out as the VMDK beside it`, async t => {
    const directory = t.testdir({ unzip: {}, bsdtar: {} })
    const [vmdk, zip, again] = ['disk.vmdk', 'one.zip', 'two.zip'].map(name => join(directory, name)) as [string, string, string]
    await passOver(writePhonyDisk(directory, disk), sparseVmdk({ path: vmdk, ...names }), writer(zip), writer(again))
    t.equal(await sha256File(zip), await sha256File(again), 'twice alike')
    // The tables of 3 TiB have 384 MiB, nearly all zeros: tested for its sums only.
    await realRun(['unzip', '-tqq', zip])
    if (disk.sizeBytes > 2 ** 40) return t.ok(statSync(zip).size < 4 * 2 ** 20, 'tables of holes take no room')
    await realRun(['unzip', '-q', zip, '-d', join(directory, 'unzip')])
    await realRun(['bsdtar', '-xf', zip, '-C', join(directory, 'bsdtar')])
    const wanted = await sha256File(vmdk)
    for (const tool of ['unzip', 'bsdtar']) t.equal(await sha256File(join(directory, tool, 'box/disk.vmdk')), wanted, tool)
  })
}

t.test('names and dates are those that were given', async t => {
  const directory = t.testdir({})
  const zip = join(directory, 'one.zip')
  await passOver(writePhonyDisk(directory, { sizeBytes: 512, noise: { 0: 512 } }), writer(zip))
  const { stdout } = await realRun(['bsdtar', '-tvf', zip], { env: { TZ: 'UTC', LC_ALL: 'C.UTF-8' } })
  t.same(stdout.trim().split('\n').map(line => line.split(/\s+/).slice(5).join(' ')), ['Jan 1 2026 box/LIES MICH.txt', 'Jan 1 2026 box/disk.vmdk'])
})

t.test('a full disk is told as such', { skip: skipMount }, async t => {
  t.equal(await failureOnFullDisk(t.testdir({}), writer), 'ENOSPC')
})
