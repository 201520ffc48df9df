import t from 'tap'
import { execFileSync } from 'node:child_process'
import { existsSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultExportOptions } from '../../pipeline/targets/index.js'
import { describeFiles, readManifest, targetIsWhole, writeManifest, writeSums } from '../../pipeline/stages/release-folder.js'
import type { Manifest } from '../../pipeline/stages/release-folder.js'

const tools = { packer: '1', qemu: '1', 'qemu-img': '1', mmdebstrap: '1', tar2sqfs: '1', e2fsprogs: '1', zstd: '1' }

async function release(t: { testdir: typeof import('tap').t.testdir }) {
  const directory = t.testdir({ kvm: { 'a.qcow2': 'disk', scripts: { 'start.sh': 'run' } } })
  const files = await describeFiles(join(directory, 'kvm'), 'kvm')
  const manifest: Manifest = {
    formatVersion: 1, appliance: 'ciab', title: 'x', version: '1', architecture: 'amd64', date: '2026-01-01T00:00:00.000Z',
    goldenKey: 'aa', specHash: 'bb', tools, packageSources: [], packages: [], targets: { kvm: { key: 'cc', options: defaultExportOptions, files } },
  }
  return { directory, manifest, target: { key: 'cc', options: defaultExportOptions, files } }
}

t.test('describes files by path inside the release, size and digest', async t => {
  const { target } = await release(t)
  t.same(target.files.map(file => [file.path, file.sizeBytes]), [['kvm/a.qcow2', 4], ['kvm/scripts/start.sh', 3]])
})

t.test('sums are what sha256sum checks, and a changed file fails them', async t => {
  const { directory, manifest } = await release(t)
  await writeManifest(directory, manifest)
  await writeSums(directory, manifest)
  const check = () => execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: directory, encoding: 'utf8', stdio: 'pipe' })
  t.equal(check(), 'kvm/a.qcow2: OK\nkvm/scripts/start.sh: OK\nmanifest.json: OK\n')
  writeFileSync(join(directory, 'kvm/a.qcow2'), 'dist')
  t.throws(check)
})

t.test('signatures stay while the sums do, and go with them', async t => {
  const { directory, manifest } = await release(t)
  await writeSums(directory, manifest)
  writeFileSync(join(directory, 'SHA256SUMS.sig'), 'signed')
  await writeSums(directory, manifest)
  t.ok(existsSync(join(directory, 'SHA256SUMS.sig')), 'an unchanged build leaves them')
  writeFileSync(join(directory, 'verification.md'), 'new')
  await writeSums(directory, manifest)
  t.notOk(existsSync(join(directory, 'SHA256SUMS.sig')))
})

t.test('a target with a shortened or missing file is not whole', async t => {
  const { directory, target } = await release(t)
  t.equal(await targetIsWhole(directory, target), true)
  truncateSync(join(directory, 'kvm/a.qcow2'), 2)
  t.equal(await targetIsWhole(directory, target), false)
})

t.test('a folder without a readable manifest is no release', async t => {
  const { directory } = await release(t)
  t.equal(await readManifest(directory), undefined)
  writeFileSync(join(directory, 'manifest.json'), '{"formatVersion":')
  t.equal(await readManifest(directory), undefined)
})
