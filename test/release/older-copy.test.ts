import t from 'tap'
import { randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openOlderCopy, segmentDigest } from '../../pipeline/release/older-copy.js'

const block = 4096
const content = randomBytes(40 * block + 100)

t.test('gives segments as they lie there, and blocks of their content', async t => {
  const path = join(t.testdir({}), 'disk')
  writeFileSync(path, content)
  const copy = await openOlderCopy(path)
  t.teardown(() => copy.close())
  const segments = await Promise.all(copy.index.segments.map(segment => copy.segment(segment)))
  t.ok(Buffer.concat(segments.flatMap(each => each ?? [])).equals(content))
  for (const at of [0, 17, 39]) t.ok((await copy.block(at))?.equals(content.subarray(at * block, (at + 1) * block)), `block ${at}`)
  t.ok((await copy.block(40))?.equals(content.subarray(40 * block)), 'the last block is shorter')
  t.equal(segmentDigest(content.subarray(0, copy.index.segments[0]?.lengthBytes)), copy.index.segments[0]?.digest)
})

t.test('gives nothing of what was changed since it was looked at', async t => {
  const path = join(t.testdir({}), 'disk')
  writeFileSync(path, content)
  const copy = await openOlderCopy(path)
  t.teardown(() => copy.close())
  const changed = readFileSync(path)
  changed[5] = (changed[5] ?? 0) ^ 1
  writeFileSync(path, changed)
  const [first] = copy.index.segments
  t.equal(first && (await copy.segment(first)), undefined)
  t.same([await copy.block(0), (await copy.block(1))?.length], [undefined, block])
})
