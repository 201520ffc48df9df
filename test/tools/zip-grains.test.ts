/** Grains in zips: each of ours is found, whatever its bytes are; the zips of others have none. */
import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { deflateGrain } from '../../pipeline/images/deflate.js'
import { zipVmdk } from '../../pipeline/images/zip-vmdk.js'
import { segmentBytes } from '../../pipeline/tools/segment-bytes.js'
import { deflatedEntries, flushedGrains } from '../../pipeline/tools/zip-grains.js'
import { names, sourceDateEpoch } from '../fixtures/images.js'
import { opened } from '../fixtures/lettered-disk.js'
import { mib, passOver, realRun, writePhonyDisk } from '../fixtures/phony-disk.js'

const files = [{ name: 'box/LIES MICH.txt', content: 'für alle\n' }]

/** Contents of all grains, each of which must lie where it says. */
async function grainsOf(path: string): Promise<Buffer[]> {
  const bytes = readFileSync(path)
  return await opened(path, async file => {
    const contents: Buffer[] = []
    for (const entry of await deflatedEntries(file)) {
      for await (const grain of flushedGrains(file, entry)) {
        if (!bytes.subarray(grain.offsetBytes, grain.offsetBytes + grain.bytes.length).equals(grain.bytes)) throw new Error('a grain lies elsewhere')
        contents.push(grain.content)
      }
    }
    return contents
  })
}

t.test('finds every grain of a disk, over many windows', async t => {
  const directory = t.testdir({})
  const [raw, zip] = [writePhonyDisk(directory, { sizeBytes: 16 * mib, noise: { [mib]: 9 * mib } }), join(directory, 'one.zip')]
  await passOver(raw, zipVmdk({ path: zip, sourceDateEpoch, files, diskName: 'disk.vmdk', disk: names }))
  const disk = readFileSync(raw)
  const wanted = Array.from({ length: (9 * mib) / segmentBytes }, (_, index) => disk.subarray(mib + index * segmentBytes, mib + (index + 1) * segmentBytes))
  const found = await grainsOf(zip)
  t.ok(wanted.every(grain => found.some(each => each.equals(grain))))
  t.ok(found.length <= wanted.length + 4, 'and little else')
})

/** A zip with one deflated entry of these bytes. */
function zipOf(directory: string, stream: Buffer): string {
  const head = Buffer.alloc(30)
  head.writeUInt32LE(0x04034b50, 0)
  head.writeUInt16LE(8, 8)
  head.writeUInt32LE(stream.length, 18)
  head.writeUInt16LE(1, 26)
  const path = join(directory, 'made.zip')
  writeFileSync(path, Buffer.concat([head, Buffer.from('x'), stream]))
  return path
}

t.test("a flush's bytes inside a grain end no grain", async t => {
  // Noise is stored as it is, and so are these four bytes in it.
  const noise = (seed: number) => Buffer.from(Array.from({ length: segmentBytes }, (_, index) => Math.imul(index * 2654435761 + seed, 40503) >>> 13 & 0xff))
  const grains = [noise(1), noise(2), noise(3)]
  for (const at of [100, 5000, 65000]) Buffer.from([0, 0, 0xff, 0xff]).copy(grains[1] ?? Buffer.alloc(0), at)
  const stream = Buffer.concat(grains.map(grain => deflateGrain('stream', grain)))
  const found = await grainsOf(zipOf(t.testdir({}), stream))
  t.equal(found.length, grains.length)
  t.ok(found.every((content, index) => content.equals(grains[index] ?? Buffer.alloc(0))))
})

t.test('a stream of nothing but flushes is read to its end, and ended by the signal', async t => {
  const flushes = Buffer.alloc(64 * 1024, Buffer.from([0, 0, 0xff, 0xff]))
  const path = zipOf(t.testdir({}), flushes)
  t.strictSame(await grainsOf(path), [])
  const stopped = opened(path, async file => {
    const [entry] = await deflatedEntries(file)
    return entry && (await flushedGrains(file, entry, AbortSignal.abort(new Error('stopped'))).next())
  })
  await t.rejects(stopped, { message: 'stopped' })
})

t.test('grains behind what is none are found', async t => {
  const grain = Buffer.alloc(segmentBytes, 'words of the disk ')
  const stream = Buffer.concat([Buffer.alloc(3 * segmentBytes, 0xfe), Buffer.from([0, 0, 0xff, 0xff]), deflateGrain('stream', grain), Buffer.from([3, 0])])
  t.strictSame((await grainsOf(zipOf(t.testdir({}), stream))).map(String), [String(grain)])
})

t.test('the zip of another program has none, nor has what is no zip', async t => {
  const directory = t.testdir({ 'short': 'PK', 'text': 'x'.repeat(1000), 'disk': 'words of the disk '.repeat(20_000) })
  await realRun(['zip', '-q', '-j', join(directory, 'theirs.zip'), join(directory, 'disk')])
  for (const name of ['short', 'text', 'theirs.zip']) t.strictSame(await grainsOf(join(directory, name)), [], name)
  t.equal(await opened(join(directory, 'theirs.zip'), async file => (await deflatedEntries(file)).length), 1)
})
