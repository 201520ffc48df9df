/** Cleaning the stage store. */
import { mkdirSync, readdirSync, truncateSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { cleanStore, diskUsage, removeLeftovers } from '../../pipeline/run/clean.js'
import { openStore } from '../../pipeline/run/store.js'

const signal = new AbortController().signal

/** Two results of media and one of install, with a leftover of a dead process. */
async function fillStore(directory: string) {
  const path = join(directory, 'store')
  const store = openStore(path, () => {})
  const made = []
  for (const [stage, number] of [['media', 1], ['install', 1], ['media', 2]] as const) {
    const fill = async (folder: string) => {
      writeFileSync(join(folder, 'file'), Buffer.alloc(100_000))
      return null
    }
    made.push(await store.build({ stage, appliance: 'ciab', inputs: { number }, signal }, fill))
    await sleep(5)
  }
  const [oldMedia, install, newMedia] = made.map(entry => entry.directory.slice(path.length + 1))
  const leftover = `${oldMedia}.tmp-${2 ** 22 + 1}`
  mkdirSync(join(path, leftover))
  writeFileSync(join(path, 'notes.txt'), 'not ours')
  const created = made[2]?.created ?? ''
  return { path, leftover, oldMedia, install, newMedia, created }
}

t.test('removes everything of ours, and nothing else', async t => {
  const { path } = await fillStore(t.testdir())
  const { removed, freedBytes } = await cleanStore(path, { keep: 'none' })
  t.equal(removed.length, 4)
  t.ok(freedBytes >= 300_000, `${freedBytes} bytes`)
  t.same(readdirSync(path), ['notes.txt'])
})

t.test('keeps the newest result of each stage', async t => {
  const { path, leftover, oldMedia, install, newMedia } = await fillStore(t.testdir())
  t.same((await cleanStore(path, { keep: 'newest' })).removed, [oldMedia, leftover])
  t.same(readdirSync(path).sort(), [install, newMedia, 'notes.txt'].sort())
})

t.test('another appliance does not doom the results of this one', async t => {
  const { path, install, newMedia } = await fillStore(t.testdir())
  const store = openStore(path, () => {})
  const other = await store.build({ stage: 'media', appliance: 'other', inputs: { number: 3 }, signal }, async () => null)
  await cleanStore(path, { keep: 'newest' })
  t.same(readdirSync(path).sort(), [install, newMedia, basename(other.directory), 'notes.txt'].sort())
})

t.test('keeps what is new enough', async t => {
  const { path, newMedia, created } = await fillStore(t.testdir())
  await cleanStore(path, { keep: 'since', since: new Date(created) })
  t.same(readdirSync(path).sort(), [newMedia, 'notes.txt'].sort())
})

t.test('removes every leftover, whose pid another process may bear by now, and what verifications left', async t => {
  const state = t.testdir()
  const { path, leftover, oldMedia, install, newMedia } = await fillStore(state)
  const reborn = `${oldMedia}.tmp-${process.ppid}`
  mkdirSync(join(path, reborn))
  mkdirSync(join(state, 'scratch/verify-abc'), { recursive: true })
  t.same(await removeLeftovers(state), [leftover, reborn, 'verify-abc'].sort())
  t.same(readdirSync(path).sort(), [install, newMedia, oldMedia, 'notes.txt'].sort())
  t.same(readdirSync(join(state, 'scratch')), [])
})

t.test('does not count holes as used', async t => {
  const directory = t.testdir({ 'text.txt': 'x'.repeat(10_000) })
  const before = await diskUsage(directory)
  t.ok(before >= 10_000)
  writeFileSync(join(directory, 'sparse'), '')
  truncateSync(join(directory, 'sparse'), 10 * 1024 ** 3)
  t.ok((await diskUsage(directory)) < before + 1024 * 1024)
  t.equal(await diskUsage('/nowhere'), 0)
})

t.test('an empty store is clean', async t => {
  const directory = t.testdir()
  t.same(await cleanStore(join(directory, 'store'), { keep: 'none' }), { removed: [], freedBytes: 0 })
})
