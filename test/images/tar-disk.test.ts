/** A disk written straight into a tar, with files in front whose text depends on it; real tar reads it back. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { tarDiskSink } from '../../pipeline/images/tar-disk.js'
import type { TarDiskOptions, WrittenDisk } from '../../pipeline/images/tar-disk.js'
import { failureOf } from '../fixtures/failure.js'
import { realRun } from '../fixtures/phony-disk.js'

function sinkFor(path: string, more: Partial<TarDiskOptions> = {}) {
  const seen: WrittenDisk[] = []
  const sink = tarDiskSink({
    path,
    diskName: 'box.vmdk',
    digest: 'sha256',
    sourceDateEpoch: 1_767_225_600,
    front: async () => [{ name: 'box.ovf', bytes: 600 }, { name: 'note', bytes: 3 }],
    complete: async disk => {
      seen.push(disk)
      return { front: [Buffer.alloc(600, `disk of ${disk.bytes};`), Buffer.from('abc')], behind: [{ name: 'box.mf', content: `${disk.digest}\n` }] }
    },
    ...more,
  })
  return { sink, seen }
}

for (const digest of ['sha256', 'sha1'] as const) {
  t.test(`lays the disk between its files, and fills in what depends on it (${digest})`, async t => {
    const directory = t.testdir({ out: {} })
    const path = join(directory, 'box.ova')
    const { sink, seen } = sinkFor(path, { digest })
    await sink.open()
    await sink.write([Buffer.from('disk '), Buffer.from('of any ')])
    await sink.write([Buffer.alloc(1000, 'x')])
    t.equal(sink.length, 1012, "the disk's own bytes")
    await sink.close()
    const content = `disk of any ${'x'.repeat(1000)}`
    t.strictSame(seen, [{ bytes: 1012, digest: createHash(digest).update(content).digest('hex') }])
    const { stdout } = await realRun(['tar', '--utc', '--full-time', '--numeric-owner', '-tvf', path])
    t.strictSame(stdout.split('\n').map(line => line.replace(/ +/g, ' ')), [
      '-rw-r--r-- 0/0 600 2026-01-01 00:00:00 box.ovf', '-rw-r--r-- 0/0 3 2026-01-01 00:00:00 note',
      '-rw-r--r-- 0/0 1012 2026-01-01 00:00:00 box.vmdk', `-rw-r--r-- 0/0 ${digest === 'sha256' ? 65 : 41} 2026-01-01 00:00:00 box.mf`, '',
    ])
    await realRun(['tar', '-xf', path, '--directory', join(directory, 'out')])
    const read = (name: string) => readFileSync(join(directory, 'out', name), 'utf8')
    t.equal(read('box.vmdk'), content)
    t.equal(read('box.ovf'), 'disk of 1012;'.repeat(50).slice(0, 600))
    t.equal(read('note'), 'abc')
    t.equal(read('box.mf'), `${seen[0]?.digest}\n`)
  })
}

t.test('a disk without a byte is a member, too', async t => {
  const path = join(t.testdir({}), 'box.ova')
  const { sink } = sinkFor(path, { front: async () => [], complete: async () => ({ front: [], behind: [] }) })
  await sink.open()
  await sink.close()
  t.equal((await realRun(['tar', '-tf', path])).stdout, 'box.vmdk\n')
})

t.test('refuses a text that does not fill its place', async t => {
  const path = join(t.testdir({}), 'box.ova')
  const { sink } = sinkFor(path, { complete: async () => ({ front: [Buffer.alloc(599), Buffer.from('abc')], behind: [] }) })
  await sink.open()
  await t.rejects(sink.close(), { name: 'TypeError', message: `box.ovf has 599 bytes, its place in ${path} has 600` })
  await sink.abort()
})

t.test('refuses a disk that no tar can hold, as soon as it is known', async t => {
  const directory = t.testdir({})
  const { sink } = sinkFor(join(directory, 'box.ova'))
  await sink.open()
  // Looks as long as it says, and is none: what is written of it would be 8 GiB.
  const part = Object.defineProperty(new Uint8Array(1), 'length', { value: 8 ** 11 })
  const error = await failureOf(sink.write([part]))
  t.equal(formatError(error), 'error: box.vmdk cannot be written: a file in an OVA or tar holds at most 8 GiB. (make the disk smaller (--set hardware.diskGib=N), or leave out the target)')
  t.equal(error.exitCode, 4)
  await sink.abort()
  t.strictSame(readdirSync(directory), ['box.ova'], 'the stage removes its folder')
})

t.test('opens no file when the members in front are not known', async t => {
  const directory = t.testdir({})
  const { sink } = sinkFor(join(directory, 'box.ova'), { front: () => Promise.reject(new Error('no template')) })
  await t.rejects(sink.open(), { message: 'no template' })
  await sink.abort()
  t.strictSame(readdirSync(directory), [])
})
