import t from 'tap'
import { readFileSync, renameSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256File } from '../../pipeline/tools/checksum.js'
import { openHashMemory } from '../../pipeline/tools/hash-memory.js'

const { signal } = new AbortController()

t.test('a digest is remembered over runs, and every change of the file shows', async t => {
  const folder = t.testdir({ file: 'one', other: 'six' })
  const [file, memory] = [join(folder, 'file'), join(folder, 'state/hashes.json')]
  await sleep(150)
  const first = await openHashMemory(memory, { rehash: false })
  const digest = await first.sha256(file, signal)
  await first.save()
  t.equal(digest, await sha256File(file))
  // Remembered: what stands there is believed.
  writeFileSync(memory, readFileSync(memory, 'utf8').replace(digest, 'f'.repeat(64)))
  t.equal(await (await openHashMemory(memory, { rehash: false })).sha256(file, signal), 'f'.repeat(64))
  t.equal(await (await openHashMemory(memory, { rehash: true })).sha256(file, signal), digest, '--rehash reads it')
  // The same size, and the time set back.
  const { atime, mtime } = statSync(file)
  writeFileSync(file, 'two')
  utimesSync(file, atime, mtime)
  t.equal(await (await openHashMemory(memory, { rehash: false })).sha256(file, signal), await sha256File(file))
  renameSync(join(folder, 'other'), file)
  t.equal(await (await openHashMemory(memory, { rehash: false })).sha256(file, signal), await sha256File(file), 'another inode')
})

t.test('a damaged memory counts as empty', async t => {
  const folder = t.testdir({ file: 'one', 'hashes.json': '{"formatVersion":1,"fi' })
  const memory = await openHashMemory(join(folder, 'hashes.json'), { rehash: false })
  t.equal(await memory.sha256(join(folder, 'file'), signal), await sha256File(join(folder, 'file')))
})
