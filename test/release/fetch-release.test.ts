import t from 'tap'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fetchOne, filesToFetch, prepareFolder, releaseFolder } from '../../pipeline/release/fetch-release.js'
import type { ReleaseFetch } from '../../pipeline/release/fetch-release.js'
import { leastIndexedBytes } from '../../pipeline/tools/chunk-index.js'
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

t.test('of older copies one of its own kind is taken, and none that is compressed as a whole', async t => {
  const bytes = Buffer.alloc(leastIndexedBytes)
  const file = publishedFile('kvm/ciab-1.0.qcow2', { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
  const targets = [{ name: 'raw', mainFile: 'raw/ciab-1.0.raw.zst' }, { name: 'ova', mainFile: 'ova/ciab-1.0.ova' }].map(each => ({ ...release.targets[0], ...each })) as typeof release.targets
  const content = Buffer.alloc(leastIndexedBytes, 1)
  const chosen = async (folders: Readonly<Record<string, Record<string, Record<string, Buffer>>>>) => {
    const output = t.testdir(folders)
    const fetch: ReleaseFetch = { base: 'http://x/', release: { ...release, targets }, target: 'kvm', output, older: 'find', allowUnverified: false, run: realRun }
    const lines: string[] = []
    const http = { document: async () => undefined, range: async () => bytes, receivedBytes: () => 0, close: () => {} }
    mkdirSync(join(releaseFolder(fetch), 'kvm'), { recursive: true })
    await fetchOne(fetch, file, { http, signal: new AbortController().signal, connections: 1, progress: line => void lines.push(line.replaceAll(output, '')) })
    return lines.map(line => /nothing of (\S+) can/.exec(line)?.[1])
  }
  const here = { raw: { 'ciab-1.0.raw.zst': content }, ova: { 'ciab-1.0.ova': content } }
  t.same(await chosen({ 'ciab-0.9': { kvm: { 'ciab-0.9.qcow2': content } }, 'ciab-1.0': here }), ['/ciab-0.9/kvm/ciab-0.9.qcow2'])
  t.same(await chosen({ 'ciab-1.0': here }), ['/ciab-1.0/ova/ciab-1.0.ova'])
  t.same(await chosen({ 'ciab-1.0': { raw: here.raw } }), [])
})

t.test('a file without a chunk index is downloaded whole, and that is said where an older copy is', async t => {
  const bytes = Buffer.alloc(leastIndexedBytes)
  const file = publishedFile('raw/ciab-1.0.raw.zst', { sizeBytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') })
  const said = async (older: ReleaseFetch['older'], more: object = {}) => {
    const output = t.testdir({ 'ciab-0.9': { raw: { 'ciab-0.9.raw.zst': Buffer.alloc(leastIndexedBytes, 1), 'ciab-0.9.raw.other.zst': Buffer.alloc(leastIndexedBytes, 1) } } })
    const fetch: ReleaseFetch = { base: 'http://x/', release, target: 'raw', output, older, allowUnverified: false, run: realRun, ...more }
    const lines: string[] = []
    const http = { document: async () => undefined, range: async () => bytes, receivedBytes: () => 0, close: () => {} }
    await fetchOne(fetch, file, { http, signal: new AbortController().signal, connections: 1, progress: line => void lines.push(line.replaceAll(output, '')) })
    return lines
  }
  const line = (path: string) => `downloading all of it, for it is compressed as a whole and has no chunk index: nothing of ${path} can be used`
  t.same(await said('find'), [line('/ciab-0.9/raw/ciab-0.9.raw.zst')], 'by its ending')
  t.same(await said(['/old.zst']), [line('/old.zst')])
  t.same(await said('none'), [])
  t.same(await said('find', { target: 'kvm' }), [], 'no older copy')
})
