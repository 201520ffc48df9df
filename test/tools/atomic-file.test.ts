/** Files that are whole or not there. */
import t from 'tap'
import { readFileSync, readdirSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { syncFile, syncTree, writeFileAtomic, writeFileIfChanged } from '../../pipeline/tools/atomic-file.js'

t.test('replaces a file whole and leaves nothing beside it', async t => {
  const directory = t.testdir({ file: 'old and longer' })
  await writeFileAtomic(join(directory, 'file'), 'new')
  t.equal(readFileSync(join(directory, 'file'), 'utf8'), 'new')
  t.strictSame(readdirSync(directory), ['file'])
})

t.test('who reads while it is written sees the old file to its end', async t => {
  const directory = t.testdir({ file: 'old' })
  const path = join(directory, 'file')
  const before = statSync(path).ino
  await writeFileAtomic(path, Buffer.from('new'))
  t.not(statSync(path).ino, before, 'another file took the name; the old one was not written to')
})

t.test('leaves the old one and nothing beside it when it cannot be replaced', async t => {
  const directory = t.testdir({ file: { inside: 'old' } })
  await t.rejects(writeFileAtomic(join(directory, 'file'), 'new'), { code: 'EISDIR' })
  t.strictSame(readdirSync(directory), ['file'])
  await t.rejects(writeFileAtomic(join(directory, 'none', 'file'), 'new'), { code: 'ENOENT' })
})

t.test('leaves a file alone that says the same already, and its time with it', async t => {
  const directory = t.testdir({ file: 'same' })
  const path = join(directory, 'file')
  utimesSync(path, 1000, 1000)
  await writeFileIfChanged(path, 'same')
  t.equal(statSync(path).mtimeMs, 1_000_000)
  await writeFileIfChanged(path, 'other')
  t.equal(readFileSync(path, 'utf8'), 'other')
  t.not(statSync(path).mtimeMs, 1_000_000)
  await writeFileIfChanged(join(directory, 'first'), 'text')
  t.equal(readFileSync(join(directory, 'first'), 'utf8'), 'text')
})

t.test('syncs files and folders at every depth, and stumbles on a file that is gone', async t => {
  const directory = t.testdir({ a: { b: { file: 'x' } }, link: t.fixture('symlink', 'nowhere'), file: 'y' })
  await syncTree(directory)
  await syncFile(join(directory, 'a'))
  await t.rejects(syncTree(join(directory, 'none')), { code: 'ENOENT' })
  await t.rejects(syncFile(join(directory, 'none')), { code: 'ENOENT' })
})
