/** A release against the digests of its making. */
import t from 'tap'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { interrupted } from '../../pipeline/errors/tools.js'
import { findChanges } from '../../pipeline/stages/release-digests.js'
import { readManifest } from '../../pipeline/stages/release-folder.js'
import type { Manifest } from '../../pipeline/stages/release-folder.js'
import { makeRelease } from '../fixtures/release.js'

const { signal } = new AbortController()
const files = { kvm: { 'ciab.qcow2': 'disk', 'start.sh': 'run' }, vmware: { 'ciab.vmdk': 'other disk' } }

async function release(directory: string): Promise<{ path: string; manifest: Manifest; file: (name: string) => string }> {
  const path = await makeRelease(directory, { files })
  const manifest = await readManifest(path)
  if (!manifest) throw new Error('the fixture made no release')
  return { path, manifest, file: name => join(path, name) }
}

t.test('nothing changed in a release as it was made', async t => {
  const { path, manifest } = await release(t.testdir({}))
  t.strictSame(await findChanges(path, manifest, signal), [])
})

t.test('names every file that is missing or has other bytes, in name order', async t => {
  const { path, manifest, file } = await release(t.testdir({}))
  writeFileSync(file('vmware/ciab.vmdk'), 'ether disk')
  writeFileSync(file('verification.md'), 'passed, believe me\n')
  rmSync(file('kvm/start.sh'))
  rmSync(file('kvm/ciab.qcow2'))
  mkdirSync(file('kvm/ciab.qcow2'))
  t.strictSame(await findChanges(path, manifest, signal), [
    'kvm/ciab.qcow2: missing', 'kvm/start.sh: missing', 'verification.md: changed', 'vmware/ciab.vmdk: changed',
  ])
})

t.test('a change in the sums alone is told of the file that they speak of', async t => {
  const { path, manifest, file } = await release(t.testdir({}))
  const sums = readFileSync(file('SHA256SUMS'), 'utf8')
  writeFileSync(file('SHA256SUMS'), sums.replace(/^[0-9a-f]{64}(?= {2}kvm\/start\.sh$)/m, '0'.repeat(64)))
  t.strictSame(await findChanges(path, manifest, signal), ['kvm/start.sh: changed'], 'the manifest says another digest')
})

t.test('a changed manifest is told by the sums', async t => {
  const { path, manifest, file } = await release(t.testdir({}))
  writeFileSync(file('manifest.json'), JSON.stringify({ ...manifest, version: '2' }))
  t.strictSame(await findChanges(path, manifest, signal), ['manifest.json: changed'])
})

t.test('without sums, or with a line that is none, the manifest still counts', async t => {
  const { path, manifest, file } = await release(t.testdir({}))
  writeFileSync(file('SHA256SUMS'), 'one line\n')
  writeFileSync(file('kvm/start.sh'), 'ruin')
  t.strictSame(await findChanges(path, manifest, signal), ['SHA256SUMS: changed', 'kvm/start.sh: changed'])
  rmSync(file('SHA256SUMS'))
  t.strictSame(await findChanges(path, manifest, signal), ['SHA256SUMS: missing', 'kvm/start.sh: changed'])
})

t.test('reads each file once, and stops when told to', async t => {
  const { path, manifest, file } = await release(t.testdir({}))
  const read: string[] = []
  const hash = async (name: string) => (read.push(name), '')
  await findChanges(path, manifest, signal, hash)
  t.strictSame(read, ['kvm/ciab.qcow2', 'kvm/start.sh', 'manifest.json', 'verification.json', 'verification.md', 'vmware/ciab.vmdk'].map(file))
  await t.rejects(findChanges(path, manifest, AbortSignal.abort(interrupted())), { name: 'AbortError' })
})
