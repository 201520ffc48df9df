/** The linter of VMDKs finds what it says it finds: each fault is made in a sound image. */
import t from 'tap'
import { appendFileSync, readFileSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSink } from '../../pipeline/images/byte-sink.js'
import { sparseVmdk } from '../../pipeline/images/sparse-vmdk.js'
import { streamVmdk } from '../../pipeline/images/stream-vmdk.js'
import { lintVmdk } from '../../pipeline/images/vmdk-lint.js'
import { names } from '../fixtures/images.js'
import { mib, passOver, realRun, writePhonyDisk } from '../fixtures/phony-disk.js'

const directory = t.testdir({})
const golden = writePhonyDisk(directory, { sizeBytes: 64 * mib, noise: { 0: 512, [40 * mib]: 512 } })
const [streamPath, sparsePath] = [join(directory, 'stream'), join(directory, 'sparse')]
await passOver(golden, streamVmdk({ sink: fileSink(streamPath), ...names }), sparseVmdk({ path: sparsePath, ...names }))
const stream = readFileSync(streamPath)
const sparse = readFileSync(sparsePath)

async function problemsOf(bytes: Buffer, change: (bytes: Buffer, path: string) => void = () => {}): Promise<readonly string[]> {
  const path = join(directory, 'changed')
  const copy = Buffer.from(bytes)
  writeFileSync(path, copy)
  change(copy, path)
  if (!copy.equals(bytes)) writeFileSync(path, copy)
  return (await lintVmdk({ path })).problems
}

/** Replaces text in the descriptor, keeping its length. */
const retext = (from: string, to: string) => (bytes: Buffer) => {
  const text = bytes.toString('latin1', 512, 512 + 20 * 512)
  bytes.write(text.replace(from, to).padEnd(20 * 512, '\0').slice(0, 20 * 512), 512, 'latin1')
}

t.test('sound images have no fault', async t => {
  t.same(await problemsOf(stream), [])
  t.same(await problemsOf(sparse), [])
})

t.test('names each fault of a stream', async t => {
  const end = stream.length - 512
  t.same(await problemsOf(stream, (_, path) => truncateSync(path, end)), ['has no end-of-stream marker'])
  t.same(await problemsOf(stream, (_, path) => appendFileSync(path, Buffer.alloc(512))), ['has 512 bytes behind its end-of-stream marker'])
  t.same(await problemsOf(stream, bytes => void bytes.writeUInt8(1, end + 100)), ['has an end-of-stream marker with content'])
  t.same(await problemsOf(stream, bytes => void bytes.writeUInt8(1, end - 512 + 70)), ['has a footer that does not fit its header'])
  t.same(await problemsOf(stream, bytes => void bytes.writeUInt32LE(7, end - 1536)), ['has a directory that does not lead to its tables'])
  t.same(await problemsOf(stream, bytes => void bytes.writeUInt32LE(1, 4)), ['has a header of version 1, wanted 3', 'has a footer that does not fit its header'])
  t.same(await problemsOf(stream, bytes => void bytes.writeUInt32LE(1, 65536)), ['has a grain for sector 1 out of order', 'has a table at sector 131 that does not lead to its grains', 'has a directory that does not lead to its tables'])
})

t.test('names each fault of a descriptor', async t => {
  t.same(await problemsOf(stream, retext('encoding="UTF-8"', 'version="1"')), ['has version twice in its descriptor', 'says encoding=nothing in its descriptor, wanted UTF-8'])
  t.same(await problemsOf(stream, retext('ddb.toolsInstallType = "4"', 'ddb.adapterType = "lsil"')), ['has ddb.adapterType twice in its descriptor'])
  t.same(await problemsOf(stream, retext('RW 131072', 'RW 131071')), ['says extent=131071 in its descriptor, wanted 131072'])
  t.same(await problemsOf(stream, retext(/CID=[0-9a-f]{8}/.exec(stream.toString('latin1', 512, 2048))?.[0] ?? '', 'CID=ffffffff')), ['has no usable content id in its descriptor'])
})

t.test('names each fault of a sparse image', async t => {
  t.same(await problemsOf(sparse, (_, path) => truncateSync(path, sparse.length - 1)), [`has ${sparse.length - 1} bytes, wanted ${sparse.length}`])
  t.same(await problemsOf(sparse, bytes => void bytes.writeUInt8(1, 72)), ['was not shut down cleanly'])
  t.match(await problemsOf(sparse, bytes => void bytes.writeUInt32LE(5, bytes.readUInt32LE(21 * 512) * 512)), ['has two copies of table 0 that differ', / bytes, wanted /])
  t.same(await problemsOf(Buffer.from('no image')), ['is no VMDK'])
})

t.test("qemu-img's own stream is found out", async t => {
  const path = join(directory, 'qemu.vmdk')
  await realRun(['qemu-img', 'convert', '-f', 'raw', '-O', 'vmdk', '-o', 'subformat=streamOptimized', golden, path])
  t.not((await lintVmdk({ path })).problems.length, 0)
})
