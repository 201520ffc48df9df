/** What publish looks at on this host before anything travels. */
import t from 'tap'
import { chmodSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { inspectRelease, parseSums } from '../../pipeline/release/inspect.js'
import { card } from '../../pipeline/release/page-card.js'
import type { PublishedTarget } from '../../pipeline/release/documents.js'
import { defaultExportOptions } from '../../pipeline/targets/index.js'
import vmware from '../../pipeline/targets/vmware.js'
import { openHashMemory } from '../../pipeline/tools/hash-memory.js'
import { failureOf } from '../fixtures/failure.js'
import { runMain } from '../fixtures/main-run.js'
import { makeRelease } from '../fixtures/release.js'
import { spec } from '../fixtures/target-contract.js'
import type { ReleaseWish } from '../fixtures/release.js'

const files = { kvm: { 'disk.qcow2': 1024 * 1024 + 1, 'start.sh': '#!/bin/sh\n' } }

async function signed(t: Test, wish: ReleaseWish = {}) {
  const folder = t.testdir({})
  const release = await makeRelease(folder, { files, ...wish })
  const { code, stderr } = await runMain(['sign', release, '--store', join(folder, 'state')])
  if (code !== 0) throw new Error(stderr)
  const inspect = async (allowUnverified = false) => inspectRelease(release, {
    memory: await openHashMemory(join(folder, 'hashes.json'), { rehash: false }), signal: new AbortController().signal, allowUnverified,
    chunkCache: join(folder, 'state/chunks'), summaries: { kvm: 'QEMU' },
  })
  return { release, inspect }
}

t.test('a whole release is described by its document', async t => {
  const { inspect } = await signed(t)
  const { document } = await inspect()
  t.match(document, { appliance: 'ciab', verified: true, verifiedOn: 'emulated, QEMU 10.0.0', signatures: [], checks: { passed: 2, failed: 0, skipped: 0 } })
  t.match(document.targets, [{ name: 'kvm', summary: 'QEMU', mainFile: 'kvm/disk.qcow2', boots: [{ name: 'bios', status: 'passed', readyMs: 61_000 }] }])
  t.equal(document.files.find(({ path }) => path === 'kvm/disk.qcow2')?.chunkIndex, 'kvm/disk.qcow2.chunks')
  t.same(document.files.map(({ path }) => path), document.files.map(({ path }) => path).sort())
})

t.test('of a folder and its zip, as the target vmware writes them, readers get the zip', async t => {
  const plan = vmware.plan({ spec, options: defaultExportOptions, version: '1.0.0+20260101.aaaaaaaa', usedBytes: 1 })
  const sizes = (name: string) => (name.endsWith('.vmdk') ? 2 * 1024 * 1024 : name.endsWith('.zip') ? 1024 * 1024 + 1 : 10)
  const wish = {
    files: { vmware: Object.fromEntries(plan.map(({ name }) => [name, sizes(name)])) },
    packed: { vmware: Object.fromEntries(plan.flatMap(({ name, packedIn }) => (packedIn === undefined ? [] : [[name, packedIn]]))) },
  }
  const { release, inspect } = await signed(t, wish)
  const { document } = await inspect()
  const zip = 'vmware/ciab-1.0.0+20260101.aaaaaaaa.zip'
  t.match(document.targets, [{ name: 'vmware', mainFile: zip, sizeBytes: 1024 * 1024 + 1 + readFileSync(join(release, 'vmware/SHA256SUMS')).length }])
  t.same(document.files.filter(({ target }) => target === 'vmware').map(({ path }) => path), ['vmware/SHA256SUMS', zip, `${zip}.chunks`])
  t.same([...parseSums(readFileSync(join(release, 'vmware/SHA256SUMS'), 'utf8')).keys()], [zip.slice('vmware/'.length)])
  const whole = [...parseSums(readFileSync(join(release, 'SHA256SUMS'), 'utf8')).keys()]
  t.ok(plan.every(({ name }) => whole.includes(`vmware/${name}`)), 'on this host every file has its sum')
  t.match(card(document, document.targets[0] as PublishedTarget).text, 'unzip ciab-1.0.0+20260101.aaaaaaaa.zip &amp;&amp; sh ciab-1.0.0+20260101.aaaaaaaa/start.sh')
  writeFileSync(join(release, 'vmware', Object.keys(wish.packed.vmware)[0] ?? ''), 'other')
  t.equal((await failureOf(inspect())).code, 'release-not-as-signed', 'nor is it published beside a folder that was changed')
})

t.test('a program is described as one, whatever its name', async t => {
  const { release, inspect } = await signed(t, { files: { kvm: { 'disk.qcow2': 'x', 'run.sh': '', status: '#!/bin/sh\n' } } })
  chmodSync(join(release, 'kvm/status'), 0o755)
  const { document } = await inspect()
  t.same(document.files.filter(({ executable }) => executable).map(({ path }) => path), ['kvm/status'])
})

t.test('a failed, incomplete, missing or foreign verification is told, or marked where that is wanted', async t => {
  const { inspect } = await signed(t, { verified: false })
  t.same((await failureOf(inspect())).details, ['kvm: ready: it stands still'])
  t.equal((await inspect(true)).document.verified, false)
  const pending = await signed(t, { verified: 'pending' })
  t.same((await failureOf(pending.inspect())).details, ['kvm: content: not compared'])
  t.match((await pending.inspect(true)).document, { verified: false, checks: { passed: 2, failed: 0, skipped: 1 } })
  const none = await signed(t, { verified: 'none' })
  t.same((await failureOf(none.inspect())).details, ['verification.json is missing or cannot be read'])
})

t.test('what was changed, added or lost since the sums were made is told', async t => {
  const { release, inspect } = await signed(t)
  writeFileSync(join(release, 'kvm/start.sh'), '#!/bin/sh\nrm -rf /\n')
  writeFileSync(join(release, 'kvm/more'), '')
  const failure = await failureOf(inspect())
  t.same([failure.code, failure.details], ['release-not-as-signed', ['kvm/more: not in SHA256SUMS', 'kvm/start.sh: changed']])
  rmSync(join(release, 'provenance.json'))
  t.equal((await failureOf(inspect())).message, `${release} was not published: it lacks provenance.json.`)
})

t.test('a name that a reader could not have is refused', async t => {
  const { release, inspect } = await signed(t)
  mkdirSync(join(release, 'kvm/a\\b'))
  writeFileSync(join(release, 'kvm/a\\b/c'), '')
  t.equal((await failureOf(inspect())).message, '"kvm/a\\b/c" cannot be the name of a file.')
})

t.test('sums are read in both of their forms', t => {
  const digest = 'ab'.repeat(32)
  t.same([...parseSums(`${digest}  a b\n${digest} *c\nnonsense\n`)], [['a b', digest], ['c', digest]])
  t.end()
})
