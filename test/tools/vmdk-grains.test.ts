/** Grains of streamOptimized disks that the real qemu-img wrote. */
import t from 'tap'
import { readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { streamGrains } from '../../pipeline/tools/vmdk-grains.js'
import { makeLetteredDisk, opened } from '../fixtures/lettered-disk.js'

const disk = makeLetteredDisk(t.testdir({}))
const vmdk = await disk.convert('disk.vmdk', '-O', 'vmdk', '-o', 'subformat=streamOptimized')

async function contentsOf(path: string): Promise<Buffer[]> {
  const bytes = readFileSync(path)
  const grains = await opened(path, file => streamGrains(file))
  return grains.map(({ offsetBytes, lengthBytes }) => inflateSync(bytes.subarray(offsetBytes, offsetBytes + lengthBytes)))
}

t.test('finds each grain of a disk, in the order of the file', async t => {
  t.strictSame((await contentsOf(vmdk)).map(String), disk.pieces.map(String))
})

t.test('finds them where the disk begins later in the file', async t => {
  const path = `${vmdk}.behind`
  writeFileSync(path, Buffer.concat([Buffer.alloc(1536, 'x'), readFileSync(vmdk)]))
  const [alone, behind] = [await opened(vmdk, file => streamGrains(file)), await opened(path, file => streamGrains(file, 1536))]
  t.strictSame(behind, alone.map(({ offsetBytes, lengthBytes }) => ({ offsetBytes: offsetBytes + 1536, lengthBytes })))
})

t.test('ends before a grain that is cut off', async t => {
  const [first, second] = await opened(vmdk, file => streamGrains(file))
  const cut = `${vmdk}.cut`
  writeFileSync(cut, readFileSync(vmdk))
  truncateSync(cut, (second?.offsetBytes ?? 0) + (second?.lengthBytes ?? 0) - 1)
  t.strictSame(await opened(cut, file => streamGrains(file)), [first])
})

t.test('finds none where no such disk is', async t => {
  t.strictSame(await opened(await disk.convert('sparse.vmdk', '-O', 'vmdk', '-o', 'subformat=monolithicSparse'), file => streamGrains(file)), [], 'another kind of VMDK')
  t.strictSame(await opened(disk.raw, file => streamGrains(file)), [], 'a raw disk')
  const short = join(t.testdir({}), 'short')
  writeFileSync(short, 'KDMV')
  t.strictSame(await opened(short, file => streamGrains(file)), [], 'less than a sector')
})
