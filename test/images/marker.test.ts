/** marker: an empty file more on a real ext4, as the few blocks that differ; through `patched`, writers see them. */
import t from 'tap'
import { copyFileSync, readFileSync, readdirSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { markerPatches } from '../../pipeline/images/marker.js'
import { openExt4 } from '../../pipeline/tools/ext4.js'
import { readLayout, rootPartition } from '../../pipeline/tools/partitions.js'
import { failureOf } from '../fixtures/failure.js'
import { makeSealedDisk, realRun } from '../fixtures/sealed-disk.js'

const file = '/etc/evc/vagrant'

t.test('adds one empty file of root, and nothing else', async t => {
  const disk = await makeSealedDisk(t.testdir())
  const directory = dirname(disk)
  const request = { disk, file, scratch: join(directory, 'scratch'), run: realRun }
  const before = readFileSync(disk)
  const patches = await markerPatches(request)
  t.strictSame(await markerPatches(request), patches, 'equal disks give equal patches')
  t.ok(readFileSync(disk).equals(before), 'the golden disk is as it was')
  t.notOk(readdirSync(directory).some(name => name.startsWith('scratch')))
  t.ok(patches.length > 0 && patches.length < 16, `${patches.length} blocks`)

  const changed = join(directory, 'changed.raw')
  copyFileSync(disk, changed)
  const handle = await open(changed, 'r+')
  for (const { startBytes, bytes } of patches) await handle.write(bytes, 0, bytes.length, startBytes)
  await handle.close()
  const offsetBytes = rootPartition(disk, await readLayout(disk)).startBytes
  const [old, now] = await Promise.all(
    [disk, changed].map(image => openExt4({ run: realRun, image, offsetBytes, directory }).tree())
  )
  const known = new Set((old ?? []).map(entry => JSON.stringify(entry)))
  t.strictSame((now ?? []).filter(entry => !known.has(JSON.stringify(entry))), [
    { path: file, type: 'file', mode: 0o644, owner: 0, sizeBytes: 0 },
  ])
  t.equal(now?.length, (old?.length ?? 0) + 1)
  const files = (old ?? []).filter(({ type }) => type === 'file').map(({ path }) => path)
  const [was, is] = await Promise.all([disk, changed].map(image => openExt4({ run: realRun, image, offsetBytes, directory }).readFiles(files)))
  t.ok(files.length > 5)
  for (const path of files) t.ok(is?.get(path)?.equals(was?.get(path) ?? Buffer.from('missing')), path)
  await realRun(['e2fsck', '-fn', `${changed}?offset=${offsetBytes}`])
})

t.test('says when the folder is not there', async t => {
  const disk = await makeSealedDisk(t.testdir())
  const error = await failureOf(markerPatches({ disk, file: '/etc/none/vagrant', scratch: `${disk}.scratch`, run: realRun }))
  t.equal(
    error.message,
    `The marker /etc/none/vagrant could not be added to a copy of the golden disk ${disk}: its folder is missing or the file is there already.`
  )
  t.equal(error.hint, 'Let a provision script make the folder and leave no such file, or leave out the target vagrant.')
  t.equal(error.exitCode, 4)
})
