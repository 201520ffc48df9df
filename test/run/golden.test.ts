/** What a real store still holds of a release. */
import t from 'tap'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { goldenDiskOf, storedKernel } from '../../pipeline/run/golden.js'
import { openStore } from '../../pipeline/run/store.js'
import type { Json } from '../../pipeline/tools/json.js'

const { signal } = new AbortController()

function setUp(directory: string) {
  const store = openStore(join(directory, 'store'), () => {})
  const keep = async (stage: string, inputs: Json, ...names: readonly string[]) =>
    await store.build({ stage, appliance: 'ciab', inputs, signal }, async folder => {
      for (const name of names) writeFileSync(join(folder, name), name)
      return {}
    })
  return { store, keep }
}

t.test('finds the disk by the key of its audit, among others', async t => {
  const { store, keep } = setUp(t.testdir({}))
  const disks = []
  for (const round of [1, 2]) {
    const provisioned = await keep('provision', { round }, 'disk.raw')
    const audited = await keep('audit', { provision: provisioned.key }, 'audit.json')
    disks.push({ key: audited.key, path: join(provisioned.directory, 'disk.raw') })
  }
  for (const { key, path } of disks) t.strictSame(await goldenDiskOf(store, key), { path, format: 'raw' })
})

t.test('finds none when the audit, its disk or the whole store is gone', async t => {
  const directory = t.testdir({})
  const { store, keep } = setUp(directory)
  t.equal(await goldenDiskOf(store, 'aa'), undefined)
  const provisioned = await keep('provision', {}, 'disk.raw')
  const audited = await keep('audit', { provision: provisioned.key }, 'audit.json')
  t.equal(await goldenDiskOf(store, provisioned.key), undefined, 'a disk that was not audited is not golden')
  rmSync(provisioned.directory, { recursive: true })
  t.equal(await goldenDiskOf(store, audited.key), undefined)
})

t.test('takes the kernel of the newest media, else the one that was fetched for this', async t => {
  const directory = t.testdir({})
  const { store, keep } = setUp(directory)
  mkdirSync(join(directory, 'probe'))
  writeFileSync(join(directory, 'probe/vmlinuz'), 'fetched')
  t.equal(await storedKernel(store, directory), join(directory, 'probe/vmlinuz'))
  await keep('media', { round: 1 }, 'vmlinuz')
  const newest = await keep('media', { round: 2 }, 'vmlinuz')
  t.equal(await storedKernel(store, directory), join(newest.directory, 'vmlinuz'))
  rmSync(join(newest.directory, 'vmlinuz'))
  t.equal(await storedKernel(store, directory), join(directory, 'probe/vmlinuz'), 'a damaged one is none')
})
