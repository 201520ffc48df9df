/** What publish looks at on this host before anything travels. */
import t from 'tap'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Test } from 'tap'
import { inspectRelease, parseSums } from '../../pipeline/release/inspect.js'
import { openHashMemory } from '../../pipeline/tools/hash-memory.js'
import { failureOf } from '../fixtures/failure.js'
import { runMain } from '../fixtures/main-run.js'
import { makeRelease } from '../fixtures/release.js'
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
