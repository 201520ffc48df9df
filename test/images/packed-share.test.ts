/** What is measured of a disk before an export: whole blocks, and how much of them is left after compression. */
import t from 'tap'
import { truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openGolden } from '../../pipeline/images/golden-source.js'
import { measurePackedShare, touchedBytes } from '../../pipeline/images/packed-share.js'
import { failureOf } from '../fixtures/failure.js'
import { mib, realRun, writePhonyDisk } from '../fixtures/phony-disk.js'

async function measured(path: string) {
  const source = await openGolden(path, realRun)
  const share = await measurePackedShare(source).finally(() => source.close())
  return { share, touched: touchedBytes(source) }
}

t.test('noise is planned whole, text is not, and holes are nothing', async t => {
  const noise = await measured(writePhonyDisk(t.testdir({}), { sizeBytes: 4 * mib, noise: { 0: 3 * mib } }))
  t.ok(noise.share > 1 && noise.share < 1.1, String(noise.share))
  t.equal(noise.touched, 3 * mib)
  const text = join(t.testdirName, 'text.raw')
  writeFileSync(text, 'the same words again and again\n'.repeat(100_000))
  truncateSync(text, 4 * mib)
  t.ok((await measured(text)).share < 0.1)
  t.same(await measured(writePhonyDisk(t.testdir({}), { sizeBytes: 4 * mib, noise: {} })), { share: 0, touched: 0 })
})

t.test('a few bytes count as the block that they are in', async t => {
  const disk = await measured(writePhonyDisk(t.testdir({}), { sizeBytes: 20 * mib, noise: { 4096: 1, [7 * mib - 1]: 2 } }))
  t.equal(disk.touched, 3 * mib)
})

t.test('a disk of 0 bytes is refused where every writer begins', async t => {
  const path = join(t.testdir({}), 'empty.raw')
  writeFileSync(path, '')
  const error = await failureOf(openGolden(path, realRun))
  t.same([error.code, error.message], ['golden-disk-unsound', `The golden disk ${path} has 0 bytes.`])
})
