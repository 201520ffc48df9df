/** Compressed clusters of images that the real qemu-img wrote. */
import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateRawSync } from 'node:zlib'
import { compressedClusters, qcow2WindowBits } from '../../pipeline/tools/qcow2-clusters.js'
import { damaged, makeLetteredDisk, opened } from '../fixtures/lettered-disk.js'

const disk = makeLetteredDisk(t.testdir({}))
const qcow2 = await disk.convert('disk.qcow2', '-O', 'qcow2', '-c')

t.test('finds each, in the order of the file, and no byte of one is missing', async t => {
  const bytes = readFileSync(qcow2)
  const clusters = await opened(qcow2, compressedClusters)
  const contents = clusters.map(({ offsetBytes, mostBytes }) =>
    inflateRawSync(bytes.subarray(offsetBytes, offsetBytes + mostBytes), { windowBits: qcow2WindowBits })
  )
  t.strictSame(contents.map(content => content.toString('latin1', 0, 9)), disk.pieces.map(piece => piece.toString('latin1', 0, 9)))
  t.ok(contents.every((content, at) => content.equals(disk.pieces[at] ?? Buffer.alloc(0))))
  t.ok(clusters.every(({ offsetBytes }, at) => offsetBytes > (clusters[at - 1]?.offsetBytes ?? 0)))
  t.ok(clusters.every(({ offsetBytes, mostBytes }) => (offsetBytes + mostBytes) % 512 === 0), 'each ends with a sector')
})

t.test('reads the descriptors of other cluster sizes', async t => {
  const small = await disk.convert('small.qcow2', '-O', 'qcow2', '-c', '-o', 'cluster_size=4096')
  const bytes = readFileSync(small)
  const clusters = await opened(small, compressedClusters)
  t.equal(clusters.length, disk.pieces.length * 16)
  const lengths = clusters.map(({ offsetBytes, mostBytes }) => inflateRawSync(bytes.subarray(offsetBytes, offsetBytes + mostBytes)).length)
  t.strictSame([...new Set(lengths)], [4096])
})

t.test('finds them where the image begins later in the file', async t => {
  const path = `${qcow2}.behind`
  writeFileSync(path, Buffer.concat([Buffer.alloc(1536, 'x'), readFileSync(qcow2)]))
  const [alone, behind] = [await opened(qcow2, file => compressedClusters(file)), await opened(path, file => compressedClusters(file, 1536))]
  t.strictSame(behind, alone.map(({ offsetBytes, mostBytes }) => ({ offsetBytes: offsetBytes + 1536, mostBytes })))
})

t.test('finds none where nothing is compressed by zlib', async t => {
  for (const [name, options] of Object.entries({ plain: ['-O', 'qcow2'], zstd: ['-O', 'qcow2', '-c', '-o', 'compression_type=zstd'], vmdk: ['-O', 'vmdk'] })) {
    t.strictSame(await opened(await disk.convert(name, ...options), compressedClusters), [], name)
  }
  t.strictSame(await opened(disk.raw, compressedClusters), [], 'a raw disk')
  const empty = join(t.testdir({}), 'empty')
  writeFileSync(empty, '')
  t.strictSame(await opened(empty, compressedClusters), [], 'an empty file')
})

t.test('takes tables that lie outside of the file for empty', async t => {
  const far = Buffer.alloc(8)
  far.writeBigUInt64BE(0x00ff_ffff_ffff_0000n)
  const l1Bytes = Number(readFileSync(qcow2).readBigUInt64BE(40))
  t.strictSame(await opened(damaged(qcow2, { 40: far }), compressedClusters), [], 'the first table')
  t.strictSame(await opened(damaged(qcow2, { [l1Bytes]: far }), compressedClusters), [], 'the second table')
})
