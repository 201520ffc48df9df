/** Files that are whole or not there, digests, free space. */
import t from 'tap'
import { mkdirSync, readFileSync, readdirSync, statfsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { syncTree, writeFileAtomic } from '../../pipeline/tools/atomic-file.js'
import { sha256File } from '../../pipeline/tools/checksum.js'
import { freeBytes } from '../../pipeline/tools/free-space.js'

t.test('replaces a file whole and leaves nothing beside it', async t => {
  const directory = t.testdir({ file: 'old' })
  await writeFileAtomic(join(directory, 'file'), 'new')
  t.equal(readFileSync(join(directory, 'file'), 'utf8'), 'new')
  t.same(readdirSync(directory), ['file'])
})

t.test('leaves the old one and nothing beside it when it cannot be replaced', async t => {
  const directory = t.testdir({ file: { inside: 'old' } })
  await t.rejects(writeFileAtomic(join(directory, 'file'), 'new'), { code: 'EISDIR' })
  t.same(readdirSync(directory), ['file'])
  await t.rejects(writeFileAtomic(join(directory, 'none', 'file'), 'new'), { code: 'ENOENT' })
})

t.test('syncs files and folders at every depth, and stumbles on a file that is gone', async t => {
  const directory = t.testdir({ a: { b: { file: 'x' } }, file: 'y' })
  await syncTree(directory)
  await t.rejects(syncTree(join(directory, 'none')), { code: 'ENOENT' })
})

t.test('digests files, also larger than one chunk, and stops when told to', async t => {
  const directory = t.testdir({ empty: '', small: 'abc' })
  t.equal(await sha256File(join(directory, 'empty')), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855')
  t.equal(await sha256File(join(directory, 'small')), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
  writeFileSync(join(directory, 'zeros'), Buffer.alloc(10 * 1024 * 1024))
  t.equal(await sha256File(join(directory, 'zeros')), 'e5b844cc57f57094ea4585e235f36c78c1cd222262bb89d53c94dcb4d6b3e55d')
  await t.rejects(sha256File(join(directory, 'zeros'), AbortSignal.abort()), { name: 'AbortError' })
  await t.rejects(sha256File(join(directory, 'none')), { code: 'ENOENT' })
})

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
