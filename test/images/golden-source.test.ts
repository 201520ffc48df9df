/** The golden disk as the pass reads it: its data, and every way in which it may change meanwhile. */
import t from 'tap'
import { appendFileSync, renameSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { openGolden } from '../../pipeline/images/golden-source.js'
import { failureOf } from '../fixtures/failure.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { mib, realRun, writePhonyDisk } from '../fixtures/phony-disk.js'

const small = { sizeBytes: 8 * mib, noise: { [mib]: 4096, [8 * mib - 512]: 512 } }
const words = (path: string, how: string) =>
  `error: The golden disk ${path} ${how} while it was exported. (leave the files of the store alone while a build runs; run the same command again)`

t.test('tells its size and where data lies, within the disk', async t => {
  const source = await openGolden(writePhonyDisk(t.testdir({}), { sizeBytes: 8 * mib + 100, noise: { [mib]: 4096, [8 * mib]: 100 } }), realRun)
  t.teardown(source.close)
  t.equal(source.virtualBytes, 8 * mib + 100)
  const [first, last] = [source.extents[0], source.extents.at(-1)]
  t.ok(first && first.startBytes <= mib && first.startBytes + first.lengthBytes >= mib + 4096)
  t.ok(first && first.lengthBytes < 2 * mib, 'holes are left out')
  t.equal(last && last.startBytes + last.lengthBytes, 8 * mib + 100, 'not to the end of the last sector')
})

t.test('reads any place of the file that it opened', async t => {
  const path = join(t.testdir({}), 'disk')
  writeFileSync(path, '0123456789')
  const source = await openGolden(path, realRun)
  t.teardown(source.close)
  const bytes = Buffer.alloc(4)
  await source.read(bytes, 3)
  t.equal(String(bytes), '3456')
})

const changes: Readonly<Record<string, (path: string) => void>> = {
  'was removed': path => rmSync(path),
  'was replaced': path => {
    writeFileSync(`${path}.new`, Buffer.alloc(8 * mib))
    renameSync(`${path}.new`, path)
  },
  'became shorter': path => truncateSync(path, mib),
  'became longer': path => appendFileSync(path, 'x'),
  'was written to': path => utimesSync(path, 1, 1),
}

for (const [how, change] of Object.entries(changes)) {
  t.test(`tells when it ${how}`, async t => {
    const path = writePhonyDisk(t.testdir({}), small)
    const source = await openGolden(path, realRun)
    t.teardown(source.close)
    await source.requireUnchanged()
    change(path)
    const error = await failureOf(source.requireUnchanged())
    t.equal(formatError(error), words(path, how))
    t.equal(error.exitCode, 4)
  })
}

t.test('tells at the read when the disk ends before', async t => {
  const path = writePhonyDisk(t.testdir({}), small)
  const source = await openGolden(path, realRun)
  t.teardown(source.close)
  truncateSync(path, mib)
  t.equal(formatError(await failureOf(source.read(Buffer.alloc(4096), mib - 512))), words(path, 'became shorter'))
})

t.test('a disk that cannot be looked at is not left open', async t => {
  const path = writePhonyDisk(t.testdir({}), small)
  const { run } = fakeRun([{ on: /^qemu-img map /, stdout: 'no JSON' }])
  t.equal((await failureOf(openGolden(path, run))).code, 'tool-answer-unknown')
  await t.rejects(openGolden(`${path}.none`, run), { code: 'ENOENT' })
})
