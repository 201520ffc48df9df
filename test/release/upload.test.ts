/** Uploads of one file: in parts, resumed, ended by others, damaged on the way. The bucket is a stand-in in memory. */
import t from 'tap'
import { createHash, randomBytes } from 'node:crypto'
import { rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../pipeline/release/journal.js'
import { pieceBuffers } from '../../pipeline/release/piece-buffers.js'
import { uploadFile } from '../../pipeline/release/upload.js'
import type { FileUpload } from '../../pipeline/release/upload.js'
import { textBody } from '../../pipeline/tools/body.js'
import { identityOf } from '../../pipeline/tools/file-identity.js'
import { createGate } from '../../pipeline/tools/gate.js'
import { usualPartBytes } from '../../pipeline/tools/part-sizes.js'
import { failureOf } from '../fixtures/failure.js'
import { memoryBucket } from '../fixtures/memory-bucket.js'
import type { MemoryBucket } from '../fixtures/memory-bucket.js'

const mib = 1024 * 1024
/** Three parts. */
const large = randomBytes(20 * mib)

async function fileOf(folder: string, content: Buffer): Promise<FileUpload> {
  const path = join(folder, 'disk')
  writeFileSync(path, content)
  const sha256 = createHash('sha256').update(content).digest('hex')
  return { key: 'p/disk', path, sizeBytes: content.length, identity: await identityOf(path), headers: { contentType: 'x', cacheControl: 'y', sha256 } }
}

/** @param held whether parts are held while they travel, or read again */
function upload(file: FileUpload, bucket: MemoryBucket, folder: string, onSent: (bytes: number) => void = () => {}, held = true) {
  const journal = openJournal(join(folder, 'journal'))
  return uploadFile(file, { bucket, journal, gate: createGate(1), ahead: createGate(1), signal: new AbortController().signal, onSent, ...(held ? { buffers: pieceBuffers(usualPartBytes) } : {}) })
}

const stored = (bucket: MemoryBucket) => bucket.objects.get('p/disk')?.bytes
const partsOf = (bucket: MemoryBucket) => bucket.calls.filter(call => call.startsWith('part ')).map(call => Number(call.split(' ').at(-1)))

/** The process ends when it would send this part. */
function killedAt(bucket: MemoryBucket, part: number): void {
  bucket.before = call => {
    if (call === `part p/disk ${part}`) throw new Error('killed')
  }
}

t.test('a file that is removed while it is uploaded has changed', async t => {
  for (const content of [randomBytes(mib), large]) {
    const [folder, bucket] = [t.testdir({}), memoryBucket()]
    const file = await fileOf(folder, content)
    bucket.before = call => { if (/^(head|start) /.test(call)) rmSync(file.path, { force: true }) }
    t.match(await failureOf(upload(file, bucket, folder)), { code: 'file-changed', exitCode: 6 })
  }
})

t.test('a file that becomes shorter while it is uploaded has changed, and nothing of it is sent or left', async t => {
  const [folder, bucket] = [t.testdir({}), memoryBucket()]
  const file = await fileOf(folder, large)
  bucket.before = call => { if (call.startsWith('start ')) truncateSync(file.path, mib) }
  t.match(await failureOf(upload(file, bucket, folder)), { code: 'file-changed', exitCode: 6 })
  t.same([partsOf(bucket), await bucket.listUploads('')], [[], []])
})

t.test('parts that are read again when they are sent are the same', async t => {
  const [folder, bucket] = [t.testdir({}), memoryBucket()]
  t.equal(await upload(await fileOf(folder, large), bucket, folder, () => {}, false), large.length)
  t.ok(stored(bucket)?.equals(large))
})

t.test('small files travel in one request, large ones in parts, and what is there not at all', async t => {
  for (const [content, parts] of [[Buffer.alloc(0), 0], [randomBytes(8 * mib), 0], [large, 3]] as const) {
    const [folder, bucket] = [t.testdir({}), memoryBucket()]
    const file = await fileOf(folder, content)
    let seen = 0
    t.equal(await upload(file, bucket, folder, bytes => (seen += bytes)), content.length)
    t.same([seen, partsOf(bucket).length], [content.length, parts])
    t.ok(stored(bucket)?.equals(content))
    t.equal(await upload(file, bucket, folder), 0)
  }
})

t.test('a killed upload goes on with the parts that are missing', async t => {
  const [folder, bucket] = [t.testdir({}), memoryBucket()]
  const file = await fileOf(folder, large)
  killedAt(bucket, 3)
  await t.rejects(upload(file, bucket, folder), { message: 'killed' })
  t.equal(stored(bucket), undefined)
  bucket.before = () => {}
  t.equal(await upload(file, bucket, folder), 4 * mib)
  t.same(partsOf(bucket), [1, 2, 3, 3])
  t.ok(stored(bucket)?.equals(large))
  t.equal(bucket.uploads.size, 0)
})

t.test('a server that computes SHA-256 itself is told it again for each part, those of before a kill, too', async t => {
  for (const listed of [true, false]) {
    const [folder, bucket] = [t.testdir({}), memoryBucket()]
    const file = await fileOf(folder, large)
    bucket.sumsParts = true
    const list = bucket.listParts
    if (!listed) bucket.listParts = async upload => (await list(upload))?.map(({ sha256: _sum, ...part }) => part)
    killedAt(bucket, 3)
    await t.rejects(upload(file, bucket, folder), { message: 'killed' })
    bucket.before = () => {}
    t.equal(await upload(file, bucket, folder), 4 * mib)
    t.ok(stored(bucket)?.equals(large))
  }
})

t.test('a part on the server is believed only when its checksum is the one of the file', async t => {
  const [folder, bucket] = [t.testdir({}), memoryBucket()]
  const file = await fileOf(folder, large)
  killedAt(bucket, 3)
  await t.rejects(upload(file, bucket, folder))
  bucket.before = () => {}
  const [begun] = bucket.uploads.values()
  begun?.parts.set(1, randomBytes(8 * mib))
  begun?.parts.set(3, large.subarray(16 * mib))
  // Sent before the kill, but not noted any more.
  t.equal(await upload(file, bucket, folder), 8 * mib)
  t.same(partsOf(bucket), [1, 2, 3, 1])
  t.ok(stored(bucket)?.equals(large))
})

t.test('an upload that was ended by others begins anew; where they have finished the file it is believed', async t => {
  const [folder, bucket] = [t.testdir({}), memoryBucket()]
  const file = await fileOf(folder, large)
  const endAtSecondPart = (work: () => Promise<unknown>) => {
    bucket.before = async call => {
      if (call !== 'part p/disk 2') return
      bucket.before = () => {}
      for (const each of bucket.uploads.values()) await bucket.abortUpload(each)
      await work()
    }
  }
  endAtSecondPart(async () => {})
  t.equal(await upload(file, bucket, folder), 28 * mib, 'the first part travels twice')
  t.ok(stored(bucket)?.equals(large))
  await bucket.remove(['p/disk'])
  bucket.calls.length = 0
  endAtSecondPart(() => bucket.put('p/disk', { ...textBody(''), open: () => large }, file.headers))
  t.equal(await upload(file, bucket, folder), 8 * mib)
  t.same(partsOf(bucket), [1, 2])
})

t.test('a part that the server has lost is sent again; a server that always loses it is given up', async t => {
  const [folder, bucket] = [t.testdir({}), memoryBucket()]
  const file = await fileOf(folder, large)
  const lose = (times: number) => {
    let lost = 0
    bucket.before = call => {
      if (call === 'finish p/disk' && (lost += 1) <= times) for (const { parts } of bucket.uploads.values()) parts.delete(1)
    }
  }
  lose(1)
  t.equal(await upload(file, bucket, folder), 28 * mib)
  t.ok(stored(bucket)?.equals(large))
  await bucket.remove(['p/disk'])
  lose(9)
  const failure = await failureOf(upload(file, bucket, folder))
  t.equal(failure.message, 'Uploading p/disk: http://memory did not store what was sent (it lost parts 3 times).')
})

t.test('a file that changes while it travels is not published under its old digest', async t => {
  for (const content of [large, randomBytes(1000)]) {
    const [folder, bucket] = [t.testdir({}), memoryBucket()]
    const file = await fileOf(folder, content)
    writeFileSync(file.path, Buffer.concat([Buffer.from('changed'), content.subarray(7)]))
    const failure = await failureOf(upload(file, bucket, folder))
    t.equal(failure.code, 'file-changed')
    t.same([stored(bucket), bucket.uploads.size], [undefined, 0])
  }
})

t.test('a server that stores other bytes is asked four times, then given up', async t => {
  const [folder, bucket] = [t.testdir({}), memoryBucket()]
  const file = await fileOf(folder, Buffer.from('hello'))
  const put = bucket.put
  const damaging = { ...bucket, put: async (...args: Parameters<typeof put>) => ({ ...(await put(...args)), etag: '0'.repeat(32) }) }
  const failure = await failureOf(upload(file, damaging, folder))
  t.equal(failure.message, `Uploading p/disk: http://memory did not store what was sent (its ETag is ${'0'.repeat(32)}, the MD5 is 5d41402abc4b2a76b9719d911017c592).`)
  t.equal(bucket.calls.filter(call => call === 'put p/disk').length, 4)
})
