/** ext4: reads a real file system inside a disk image. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { openExt4 } from '../../pipeline/tools/ext4.js'
import { failureOf } from '../fixtures/failure.js'
import { makeSealedDisk, realRun } from '../fixtures/sealed-disk.js'

const rootStart = 6 * 1024 * 1024

t.test('lists the tree, reads files and links, and names the owner of a byte', async t => {
  const directory = t.testdir()
  const content = 'x'.repeat(5000)
  const image = await makeSealedDisk(directory, { files: { '/srv/a "b"/c d': content, '/srv/link': '-> /etc/fstab' } })
  const root = openExt4({ run: realRun, image, offsetBytes: rootStart, directory })
  const tree = await root.tree()
  const file = tree.find(entry => entry.path === '/srv/a "b"/c d')
  t.match(file, { type: 'file', mode: 0o644, sizeBytes: 5000 })
  t.equal(tree.find(entry => entry.path === '/srv/a "b"')?.type, 'directory')
  t.equal(tree.find(entry => entry.path === '/srv/link')?.type, 'link')
  t.equal(tree.find(entry => entry.path === '/usr/lib/evc/first-boot')?.mode, 0o755)
  const files = await root.readFiles(['/nowhere', '/srv/a "b"/c d'])
  t.strictSame([...files.keys()], ['/srv/a "b"/c d'])
  t.equal(files.get('/srv/a "b"/c d')?.toString(), content)
  t.equal(await root.readLink('/srv/link'), '/etc/fstab')
  t.equal((await root.superblock()).get('Filesystem state'), 'clean')
  const offset = readFileSync(image).indexOf(content) - rootStart
  t.equal(await root.ownerOf(offset), '/srv/a "b"/c d')
  t.equal(await root.ownerOf(15 * 1024 * 1024), undefined)
  t.strictSame([...(await root.ownersOf([offset, 15 * 1024 * 1024, offset + 1]))], [[offset, '/srv/a "b"/c d'], [offset + 1, '/srv/a "b"/c d']])
})

t.test('passes on what debugfs says where there is no file system', async t => {
  const directory = t.testdir()
  await writeFile(`${directory}/zero`, Buffer.alloc(65536))
  const root = openExt4({ run: realRun, image: `${directory}/zero`, offsetBytes: 0, directory })
  const error = await failureOf(root.tree())
  t.equal(error.message, '"debugfs" ended with exit code 1.')
  t.match(error.details.join('\n'), /Bad magic number in super-block/)
})
