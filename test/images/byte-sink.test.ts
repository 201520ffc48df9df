/** Bytes into a file: in order, patched, with holes; and what is said of misuse. */
import t from 'tap'
import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileSink, limitedSink } from '../../pipeline/images/byte-sink.js'

t.test('writes in order, over what was there, and counts', async t => {
  const path = join(t.testdir({ file: 'what was there before is longer' }), 'file')
  const sink = fileSink(path)
  await sink.open()
  t.equal(sink.length, 0)
  await sink.write([Buffer.from('one '), Buffer.alloc(0), Buffer.from('two ')])
  await sink.write([])
  await sink.write([Buffer.from('three')])
  t.equal(sink.length, 13)
  await sink.close()
  t.equal(readFileSync(path, 'utf8'), 'one two three')
})

t.test('takes more parts than the kernel does at once', async t => {
  const path = join(t.testdir({}), 'file')
  const parts = Array.from({ length: 3000 }, (_, at) => Buffer.from(`${at},`))
  const sink = fileSink(path)
  await sink.open()
  await sink.write(parts)
  await sink.close()
  t.equal(readFileSync(path, 'utf8'), parts.join(''))
})

t.test('patches and reads back what is behind it, and goes on where it was', async t => {
  const path = join(t.testdir({}), 'file')
  const sink = fileSink(path)
  await sink.open()
  await sink.write([Buffer.from('head size tail')])
  await sink.patch(Buffer.from('4711'), 5)
  const back = Buffer.alloc(9)
  await sink.read(back, 0)
  t.equal(String(back), 'head 4711')
  await sink.write([Buffer.from('.')])
  t.equal(sink.length, 15, 'a patch counts for nothing')
  await t.rejects(sink.read(Buffer.alloc(4), 13), { name: 'TypeError', message: `${path} ends before 17` })
  await sink.close()
  t.equal(readFileSync(path, 'utf8'), 'head 4711 tail.')
})

t.test('leaves holes, the last one too', async t => {
  const path = join(t.testdir({}), 'file')
  const sink = fileSink(path)
  await sink.open()
  sink.skip(1024 ** 2)
  await sink.write([Buffer.from('data')])
  sink.skip(1024 ** 3)
  t.equal(sink.length, 1024 ** 3 + 1024 ** 2 + 4)
  await sink.close()
  const { size, blocks } = statSync(path)
  t.equal(size, 1024 ** 3 + 1024 ** 2 + 4)
  t.ok(blocks * 512 < 1024 ** 2, 'none of it takes room')
})

t.test('says that it is not open, and aborts whatever was called before', async t => {
  const path = join(t.testdir({}), 'file')
  const sink = fileSink(path)
  const fault = { name: 'TypeError', message: `${path} is not open` }
  await t.rejects(sink.write([Buffer.from('x')]), fault)
  await t.rejects(sink.close(), fault)
  await sink.abort()
  await sink.open()
  await sink.abort()
  await sink.abort()
  await t.rejects(sink.write([Buffer.from('x')]), fault, 'nor is it afterwards')
})

t.test("tells the file system's own error", async t => {
  writeFileSync(join(t.testdir({}), 'file'), '')
  await t.rejects(fileSink(join(t.testdirName, 'file', 'below')).open(), { code: 'ENOTDIR' })
})

t.test('a limit is met before anything is written beyond it, and holes count', async t => {
  const path = join(t.testdir({}), 'file')
  const sink = limitedSink(fileSink(path), { bytes: 10, exceeded: () => new Error('too large') })
  await sink.open()
  await sink.write([Buffer.alloc(4)])
  sink.skip(3)
  await sink.write([Buffer.alloc(1), Buffer.alloc(2)])
  t.equal(sink.length, 10)
  await t.rejects(sink.write([Buffer.alloc(1)]), { message: 'too large' })
  await sink.patch(Buffer.from('abc'), 4)
  await sink.close()
  t.equal(statSync(path).size, 10)
})
