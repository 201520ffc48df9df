/** Segments of artifacts: together the file, byte by byte, and each with its content. */
import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateRawSync, deflateSync } from 'node:zlib'
import { interrupted } from '../../pipeline/errors/tools.js'
import { compressedClusters } from '../../pipeline/tools/qcow2-clusters.js'
import { readSegments } from '../../pipeline/tools/chunk-segments.js'
import { inflateBytes, segmentBytes } from '../../pipeline/tools/segment-bytes.js'
import type { ReadSegment } from '../../pipeline/tools/segment-bytes.js'
import { realRun } from '../fixtures/phony-disk.js'
import { damaged, makeLetteredDisk, opened } from '../fixtures/lettered-disk.js'

const disk = makeLetteredDisk(t.testdir({}))
const qcow2 = await disk.convert('disk.qcow2', '-O', 'qcow2', '-c')
const vmdk = await disk.convert('disk.vmdk', '-O', 'vmdk', '-o', 'subformat=streamOptimized')

async function segmentsOf(path: string): Promise<readonly ReadSegment[]> {
  return await opened(path, async file => {
    const segments: ReadSegment[] = []
    for await (const segment of readSegments(file)) segments.push(segment)
    return segments
  })
}

function isWhole(path: string, segments: readonly ReadSegment[]): boolean {
  let at = 0
  for (const { offsetBytes, bytes } of segments) {
    if (offsetBytes !== at) return false
    at += bytes.length
  }
  return Buffer.concat(segments.map(({ bytes }) => bytes)).equals(readFileSync(path))
}

for (const [name, path, encoding] of [['a compressed qcow2', qcow2, 'qcow2'], ['a streamOptimized VMDK', vmdk, 'zlib']] as const) {
  t.test(`cuts ${name} at what it compressed`, async t => {
    const segments = await segmentsOf(path)
    t.ok(isWhole(path, segments))
    const compressed = segments.filter(segment => segment.encoding !== 'stored')
    t.strictSame([...new Set(compressed.map(segment => segment.encoding))], [encoding])
    t.strictSame(compressed.map(({ content }) => String(content)), disk.pieces.map(String))
    t.ok(segments.filter(segment => segment.encoding === 'stored').every(({ content, bytes }) => content === bytes && bytes.length <= segmentBytes))
  })
}

t.test('finds every disk in a tar, and cuts the rest by where its member begins', async t => {
  const folder = t.testdir({ 'box.ovf': '<Envelope/>', 'plain.bin': 'x'.repeat(segmentBytes + 1500) })
  for (const [name, path] of [['disk.vmdk', vmdk], ['box.img', qcow2]] as const) writeFileSync(join(folder, name), readFileSync(path))
  const tar = join(folder, 'box.tar')
  await realRun(['tar', '--format=ustar', '-cf', tar, '-C', folder, 'box.ovf', 'plain.bin', 'disk.vmdk', 'box.img'])
  const segments = await segmentsOf(tar)
  t.ok(isWhole(tar, segments))
  for (const encoding of ['zlib', 'qcow2'] as const) {
    t.strictSame(segments.filter(segment => segment.encoding === encoding).map(({ content }) => String(content)), disk.pieces.map(String), encoding)
  }
  t.ok(segments.some(({ content }) => String(content) === 'x'.repeat(segmentBytes)), 'the plain file by its own beginning')
})

t.test('cuts any other file every 64 KiB, and gives its rest', async t => {
  const path = join(t.testdir({}), 'file')
  writeFileSync(path, Buffer.alloc(2 * segmentBytes + 7, 'text'))
  const segments = await segmentsOf(path)
  t.ok(isWhole(path, segments))
  t.strictSame(segments.map(({ bytes, encoding }) => [bytes.length, encoding]), [[segmentBytes, 'stored'], [segmentBytes, 'stored'], [7, 'stored']])
  writeFileSync(path, '')
  t.strictSame(await segmentsOf(path), [])
})

t.test('a cluster that cannot be inflated is a stored part like any other', async t => {
  const [, second] = await opened(qcow2, compressedClusters)
  const path = damaged(qcow2, { [second?.offsetBytes ?? 0]: Buffer.alloc(16, 0xff) })
  const segments = await segmentsOf(path)
  t.ok(isWhole(path, segments))
  t.equal(segments.filter(({ encoding }) => encoding === 'qcow2').length, disk.pieces.length - 1)
})

t.test('stops with the reason of the signal', async t => {
  const signal = AbortSignal.abort(interrupted())
  await t.rejects(opened(qcow2, async file => await readSegments(file, signal).next()), { code: 'interrupted' })
})

t.test('tells how many bytes a stream had, and refuses what is none or what would fill the memory', async t => {
  const text = Buffer.from('text text text')
  for (const [encoding, stream] of [['qcow2', deflateRawSync(text)], ['zlib', deflateSync(text)]] as const) {
    const found = await inflateBytes(encoding, Buffer.concat([stream, Buffer.from('behind it')]))
    t.strictSame([String(found?.content), found?.usedBytes], [String(text), stream.length], encoding)
    t.equal(await inflateBytes(encoding, Buffer.alloc(32, 0xff)), undefined, `${encoding}: noise`)
  }
  t.equal(await inflateBytes('zlib', deflateSync(Buffer.alloc(5 * 1024 * 1024))), undefined, 'more than any cluster holds')
  t.strictSame(await inflateBytes('stored', text), { content: text, usedBytes: text.length })
})
