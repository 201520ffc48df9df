/** A report is bound to the very files it was made of; a played target says what is wrong with them. */
import t from 'tap'
import { aboutPhony } from '../fixtures/phony-target.js'
import { execFileSync } from 'node:child_process'
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { artifactWrong } from '../../pipeline/errors/targets.js'
import { toolMissing } from '../../pipeline/errors/tools.js'
import { describeFiles, readManifest, writeManifest } from '../../pipeline/stages/release-folder.js'
import { readReport, removeFromReport } from '../../pipeline/stages/verify-report.js'
import { isVerified, verifyRelease } from '../../pipeline/stages/verify-release.js'
import type { Target, VerifyInput } from '../../pipeline/targets/types.js'
import { fakeRun } from '../fixtures/fake-run.js'
import { makeRelease } from '../fixtures/release.js'
import { fakeContext } from '../fixtures/stage-context.js'
import { spec } from '../fixtures/target-contract.js'

const files = { kvm: { 'ciab.qcow2': 'disk' }, raw: { 'ciab.raw': 'other disk' } }

/** A target without a boot, whose files are as `look` says. */
const target = (name: string, look: (input: VerifyInput) => void = () => {}): Target => ({
  name, summary: 'x', ...aboutPhony, from: 'disk', tools: [],
  guest: { packages: { debian: [], el: [] }, drivers: [], modules: [], devices: [], kernelArguments: [] },
  plan: () => [],
  export: async () => ({ writers: [], finish: async () => [] }),
  verify: async input => {
    look(input)
    return [{ name: 'structure', found: 'sound' }]
  },
})

async function setUp(directory: string) {
  const release = await makeRelease(directory, { files, verified: 'none' })
  const scratch = join(directory, 'state', 'scratch')
  const { run } = fakeRun()
  const xenHost = () => Promise.reject(new Error('no Xen host is wanted here'))
  const deps = { run, render: async () => '', templates: '/templates' }
  const check = (...targets: readonly Target[]) =>
    verifyRelease({ spec, version: '1', sourceDateEpoch: 1_767_225_600, release, targets, xenHost }, deps, fakeContext(run, directory), scratch)
  return { release, scratch, check }
}

t.test('writes the report into the release, with sums over it, and cleans up behind the boots', async t => {
  const { release, scratch, check } = await setUp(t.testdir({}))
  t.equal(await isVerified(release, ['kvm']), false)
  const report = await check(target('kvm'), target('raw'))
  t.equal(report.passed, true)
  t.strictSame(await readReport(release), report)
  t.match(readFileSync(join(release, 'verification.md'), 'utf8'), /^# Verification of ciab 1: passed\n/)
  t.match(execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: release, encoding: 'utf8' }), /^verification\.json: OK$/m)
  t.strictSame(readdirSync(scratch), [])
  t.equal(await isVerified(release, ['kvm', 'raw']), true)
})

t.test('a report speaks for the targets it looked at, and for no other', async t => {
  const { release, check } = await setUp(t.testdir({}))
  await check(target('kvm'))
  t.equal(await isVerified(release, ['kvm']), true)
  t.equal(await isVerified(release, ['raw']), false)
  t.equal(await isVerified(release, ['kvm', 'raw']), false)
  t.equal(await isVerified(release, ['kvm', 'unheard-of']), false)
})

t.test('a later report keeps what an earlier one says of other targets, not of failed ones or of other files', async t => {
  const { release, check } = await setUp(t.testdir({}))
  await check(target('kvm'))
  const both = await check(target('raw'))
  t.ok(both.checks.some(({ target: name }) => name === 'kvm'))
  t.equal(await isVerified(release, ['kvm', 'raw']), true)
  const broken = target('kvm', () => {
    throw artifactWrong('kvm', 'ciab.qcow2', 'is damaged')
  })
  await check(broken)
  const last = await check(target('raw'))
  t.equal(last.passed, true, 'of what was looked at now')
  t.notOk(last.checks.some(({ target: name }) => name === 'kvm'))
  t.equal(await isVerified(release, ['kvm', 'raw']), false)
})

t.test('a report that leaves a check to another host does not verify that target, and keeps what was found of it', async t => {
  const { release, check } = await setUp(t.testdir({}))
  await check({ ...target('kvm'), verify: async () => [{ name: 'content', skipped: 'not compared' }] })
  const both = await check(target('raw'))
  t.match(both.checks.find(({ name }) => name === 'content'), { target: 'kvm', status: 'skipped', pending: true })
  t.equal(await isVerified(release, ['kvm']), false)
  t.equal(await isVerified(release, ['raw']), true)
  await check(target('kvm'))
  t.equal(await isVerified(release, ['kvm', 'raw']), true, 'where it is made, the report is complete')
})

t.test('files that are made anew take along only what was said of them', async t => {
  const { release, check } = await setUp(t.testdir({}))
  await check(target('kvm'), target('raw'))
  await removeFromReport(release, ['kvm'])
  t.equal(await isVerified(release, ['kvm']), false)
  t.equal(await isVerified(release, ['raw']), true)
  t.notMatch(readFileSync(join(release, 'verification.md'), 'utf8'), /^## kvm/m)
  await removeFromReport(release, ['raw'])
  t.equal(await readReport(release), undefined)
})

t.test('a report does not speak for files that were written after it', async t => {
  const { release, check } = await setUp(t.testdir({}))
  await check(target('kvm'), target('raw'))
  const manifest = await readManifest(release)
  if (!manifest) throw new Error('the fixture made no release')
  writeFileSync(join(release, 'kvm/ciab.qcow2'), 'dusk')
  const kvm = { ...manifest.targets['kvm'], key: 'x', options: { ovaManifest: 'sha256', hypervVhd: false }, files: await describeFiles(join(release, 'kvm'), 'kvm') } as const
  await writeManifest(release, { ...manifest, targets: { ...manifest.targets, kvm } })
  t.equal(await isVerified(release, ['kvm']), false)
  t.equal(await isVerified(release, ['raw']), true)
})

t.test('a release that failed is not verified, and its report says why', async t => {
  const { release, check } = await setUp(t.testdir({}))
  const broken = target('kvm', () => {
    throw artifactWrong('kvm', 'ciab.qcow2', 'is damaged')
  })
  const report = await check(broken, target('raw'))
  t.equal(report.passed, false)
  t.match(report.checks.find(({ status }) => status === 'failed'), { target: 'kvm', name: 'files', detail: 'kvm/ciab.qcow2 is damaged.' })
  t.equal(await isVerified(release, ['kvm']), false)
  t.equal(await isVerified(release, ['raw']), true, 'the other one is')
  t.equal(await isVerified(release, ['kvm', 'raw']), false)
  await check(target('kvm'), target('raw'))
  t.equal(await isVerified(release, ['kvm', 'raw']), true, 'a later one takes its place')
})

t.test('each target is asked with the date of the release and the options of its own export', async t => {
  const { release, check } = await setUp(t.testdir({}))
  const manifest = await readManifest(release)
  if (!manifest?.targets['raw']) throw new Error('the fixture made no release')
  const options = { ovaManifest: 'sha1', hypervVhd: true } as const
  await writeManifest(release, { ...manifest, targets: { ...manifest.targets, raw: { ...manifest.targets['raw'], options } } })
  const asked: unknown[] = []
  const look = ({ options, directory, sourceDateEpoch }: VerifyInput) => asked.push([directory, options, sourceDateEpoch])
  await check(target('kvm', look), target('raw', look))
  t.strictSame(asked, [[join(release, 'kvm'), { ovaManifest: 'sha256', hypervVhd: false }, 1_767_225_600], [join(release, 'raw'), options, 1_767_225_600]])
})

t.test('a missing program is no verdict: no report is written, and nothing is left', async t => {
  const { release, scratch, check } = await setUp(t.testdir({}))
  const missing = target('kvm', () => {
    throw toolMissing({ file: 'qemu-img', reason: 'verify kvm', hint: 'apt-get install qemu-utils' })
  })
  await t.rejects(check(missing), { code: 'tool-missing', exitCode: 3 })
  t.equal(await readReport(release), undefined)
  t.strictSame(readdirSync(scratch), [])
})

t.test('a folder without a manifest, or with a report that cannot be read, is not verified', async t => {
  const { release, check } = await setUp(t.testdir({}))
  await check(target('kvm'))
  writeFileSync(join(release, 'verification.json'), '{"formatVersion":1,')
  t.equal(await isVerified(release, ['kvm']), false)
  await check(target('kvm'))
  rmSync(join(release, 'manifest.json'))
  t.equal(await isVerified(release, ['kvm']), false)
})
