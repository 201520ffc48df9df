/** Grains of streamOptimized disks that the real qemu-img wrote, alone and in an OVA. */
import t from 'tap'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { streamGrains } from '../../pipeline/tools/vmdk-grains.js'
import { makeLetteredDisk, opened } from '../fixtures/lettered-disk.js'
import { realRun } from '../fixtures/phony-disk.js'

const disk = makeLetteredDisk(t.testdir({}))
const vmdk = await disk.convert('disk.vmdk', '-O', 'vmdk', '-o', 'subformat=streamOptimized')

async function contentsOf(path: string): Promise<Buffer[]> {
  const bytes = readFileSync(path)
  const grains = await opened(path, streamGrains)
  return grains.map(({ offsetBytes, lengthBytes }) => inflateSync(bytes.subarray(offsetBytes, offsetBytes + lengthBytes)))
}

t.test('finds each grain of a disk, in the order of the file', async t => {
  t.strictSame((await contentsOf(vmdk)).map(String), disk.pieces.map(String))
})

t.test('finds those of every disk in an OVA, whatever lies around it', async t => {
  writeFileSync(join(dirname(vmdk), 'box.ovf'), '<Envelope/>')
  writeFileSync(join(dirname(vmdk), 'large.txt'), 'x'.repeat(1500))
  writeFileSync(join(dirname(vmdk), 'other.vmdk'), readFileSync(vmdk))
  const ova = join(dirname(vmdk), 'box.ova')
  await realRun(['tar', '--create', '--format=ustar', '--file', ova, '--directory', dirname(vmdk), 'box.ovf', 'large.txt', 'disk.vmdk', 'other.vmdk'])
  t.strictSame((await contentsOf(ova)).map(String), [...disk.pieces, ...disk.pieces].map(String))
})

t.test('ends before a grain that is cut off', async t => {
  const [first, second] = await opened(vmdk, streamGrains)
  const cut = `${vmdk}.cut`
  writeFileSync(cut, readFileSync(vmdk))
  truncateSync(cut, (second?.offsetBytes ?? 0) + (second?.lengthBytes ?? 0) - 1)
  t.strictSame(await opened(cut, streamGrains), [first])
})

t.test('finds none where no such disk is', async t => {
  t.strictSame(await opened(await disk.convert('sparse.vmdk', '-O', 'vmdk', '-o', 'subformat=monolithicSparse'), streamGrains), [], 'another kind of VMDK')
  t.strictSame(await opened(disk.raw, streamGrains), [], 'a raw disk')
  const short = join(t.testdir({}), 'short')
  writeFileSync(short, 'KDMV')
  t.strictSame(await opened(short, streamGrains), [], 'less than a sector')
})
