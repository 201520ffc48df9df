/** partitions: the table of a disk, and disks without a sound one. */
import t from 'tap'
import { writeFile } from 'node:fs/promises'
import { readLayout } from '../../pipeline/tools/partitions.js'
import { failureOf } from '../fixtures/failure.js'
import { makeSealedDisk } from '../fixtures/sealed-disk.js'

const mib = 1024 * 1024

t.test('names the kind, place and size of each partition', async t => {
  const layout = await readLayout(await makeSealedDisk(t.testdir(), { bootCode: 'GRUB here' }))
  t.strictSame(layout.partitions, [
    { number: 1, kind: 'bios-boot', startBytes: mib, sizeBytes: mib },
    { number: 2, kind: 'esp', startBytes: 2 * mib, sizeBytes: 4 * mib },
    { number: 3, kind: 'other', startBytes: 6 * mib, sizeBytes: 16 * mib },
  ])
  t.equal(layout.bootCode.length, 440)
  t.equal(layout.bootCode.toString('latin1', 0, 9), 'GRUB here')
})

t.test('refuses a disk without a partition table', async t => {
  const path = `${t.testdir()}/empty`
  await writeFile(path, Buffer.alloc(4096))
  const error = await failureOf(readLayout(path))
  t.equal(error.message, `Could not read the disk ${path}: it has no GUID partition table.`)
  t.equal(error.hint, `Look at it: sfdisk --list ${path}`)
})

t.test('refuses a table whose sizes make no sense', async t => {
  const path = `${t.testdir()}/broken`
  const bytes = Buffer.alloc(4096)
  bytes.write('EFI PART', 512)
  await writeFile(path, bytes)
  t.equal((await failureOf(readLayout(path))).message, `Could not read the disk ${path}: its partition table is damaged.`)
})
