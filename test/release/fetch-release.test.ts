import t from 'tap'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { filesToFetch, prepareFolder, releaseFolder } from '../../pipeline/release/fetch-release.js'
import type { ReleaseFetch } from '../../pipeline/release/fetch-release.js'
import { failureOf } from '../fixtures/failure.js'
import { publishedFile, releaseDocument } from '../fixtures/published-documents.js'
import { realRun } from '../fixtures/sealed-disk.js'

const release = releaseDocument('1.0', {
  files: [
    publishedFile('kvm/disk', { sizeBytes: 900, chunkIndex: 'kvm/disk.chunks' }), publishedFile('kvm/disk.chunks', { sizeBytes: 90 }), publishedFile('kvm/start.sh', { sizeBytes: 9 }),
    publishedFile('vmware/disk', { sizeBytes: 1 }), publishedFile('SHA256SUMS', { sizeBytes: 99 }),
  ],
})

t.test('what describes the release comes first and the disk last; other targets and chunk indexes are left out', t => {
  t.same(filesToFetch({ release, target: 'kvm', allowUnverified: false }).map(({ path }) => path), ['SHA256SUMS', 'kvm/start.sh', 'kvm/disk'])
  t.end()
})

t.test('a target that is not there and a release that nobody has seen boot are refused', async t => {
  const files = async (more: object) => filesToFetch({ release, target: 'kvm', allowUnverified: false, ...more })
  t.equal((await failureOf(files({ target: 'kvn' }))).code, 'target-unknown')
  const unverified = { ...release, verified: false }
  t.equal((await failureOf(files({ release: unverified }))).message, 'ciab 1.0 was published without a passed verification: nobody has seen it boot.')
  t.equal((await files({ release: unverified, allowUnverified: true })).length, 3)
})

t.test('the folder is laid out as a release, without what a killed delta left', async t => {
  const output = t.testdir({})
  const fetch: ReleaseFetch = { base: 'http://x/', release, target: 'kvm', output, older: 'none', allowUnverified: false, run: realRun }
  t.equal(releaseFolder(fetch), join(output, 'ciab-1.0'))
  const folder = await prepareFolder(fetch)
  mkdirSync(join(folder, '.delta-abc'))
  writeFileSync(join(folder, '.disk.0123.part'), 'a beginning')
  t.equal(await prepareFolder(fetch), folder)
  t.same([existsSync(join(folder, '.delta-abc')), existsSync(join(folder, '.disk.0123.part'))], [false, true])
  writeFileSync(join(output, 'file'), '')
  t.equal((await failureOf(prepareFolder({ ...fetch, output: join(output, 'file') }))).code, 'output-not-writable')
})
