/** Room on a disk, and what a file takes of it. */
import t from 'tap'
import { mkdirSync, statfsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { allocatedBytes, freeBytes, watchFreeBytes } from '../../pipeline/tools/free-space.js'
import { replaceFreeBytes } from '../fixtures/replaced-files.js'

t.test('tells the free space of a folder that is not there yet by its nearest parent', async t => {
  const directory = t.testdir({})
  mkdirSync(join(directory, 'there'))
  const near = (found: number) => {
    const { bavail, bsize } = statfsSync(directory)
    return Math.abs(found - bavail * bsize) < 1024 ** 3
  }
  t.ok(near(await freeBytes(join(directory, 'there'))))
  t.ok(near(await freeBytes(join(directory, 'not', 'yet', 'there'))))
  writeFileSync(join(directory, 'file'), '')
  await t.rejects(freeBytes(join(directory, 'file', 'below')), { code: 'ENOTDIR' })
})

t.test('counts the data of a sparse file and not its holes', async t => {
  const path = join(t.testdir({}), 'disk')
  writeFileSync(path, Buffer.alloc(64 * 1024, 'x'))
  const dense = await allocatedBytes(path)
  truncateSync(path, 10 * 1024 ** 3)
  t.ok(dense >= 64 * 1024, `${dense} bytes hold 64 KiB of data`)
  t.ok((await allocatedBytes(path)) < 1024 ** 2, 'ten gibibytes of hole take no room')
  await t.rejects(allocatedBytes(`${path}.none`), { code: 'ENOENT' })
})

t.test('remembers the least that was free, not what is free at the end', async t => {
  const disk = replaceFreeBytes(t, 5000, 2000, 9000)
  const end = watchFreeBytes('/anywhere')
  while (disk.asked() < 2) await new Promise(resolve => setTimeout(resolve, 50))
  t.equal(await end(), 2000)
  t.equal(disk.asked(), 3)
})
