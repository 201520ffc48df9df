/** A file of 6 GiB goes up to a real S3 server (Ceph RGW) and comes down again, by our own command and in parts. */
import t from 'tap'
import { mkdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { randomBytes } from 'node:crypto'
import { sha256File } from '../../../pipeline/tools/checksum.js'
import { repository } from '../../fixtures/cli-run.js'
import { runMain } from '../../fixtures/main-run.js'
import { makePublicBucket } from '../../fixtures/public-bucket.js'
import { bucket, bucketName, proxy, versionOf, visible, world } from '../../fixtures/publish-world.js'

const gib = 1024 ** 3
const largeBytes = 6 * gib + 4711

/** Data around 4 GiB and at both ends, holes elsewhere. */
async function writeLarge(path: string): Promise<void> {
  writeFileSync(path, '')
  truncateSync(path, largeBytes)
  const file = await open(path, 'r+')
  for (const at of [0, 4 * gib - 500_000, largeBytes - 1_000_000]) await file.write(randomBytes(1_000_000), 0, 1_000_000, at)
  await file.close()
}

t.test('a file of 6 GiB is published in parts, and fetched whole', async t => {
  const folder = join(repository, '.pipeline/large-file-test')
  rmSync(folder, { recursive: true, force: true })
  mkdirSync(folder, { recursive: true })
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const { release, publish, prefix, key } = world(folder)
  await makePublicBucket(proxy.url, bucketName)
  await writeLarge(join(folder, 'large'))
  const made = await release({ files: { kvm: { 'ciab.ova': { path: join(folder, 'large') }, empty: '' } } })
  const { code, stderr } = await publish(made)
  t.equal(code, 0, stderr)
  t.same(await visible(t, prefix), [versionOf(made)])
  t.match(await bucket.head(`${prefix}ciab/${versionOf(made)}/kvm/ciab.ova`), { sizeBytes: largeBytes })
  // Its chunk index travels in parts, too.
  const parts = proxy.requests.filter(({ method, path }) => method === 'PUT' && /ciab\.ova\?.*partNumber/.test(path))
  t.equal(parts.length, Math.ceil(largeBytes / (8 * 1024 * 1024)))
  const output = join(folder, 'out')
  const from = `${proxy.url}/${bucketName}/${encodeURIComponent(prefix.slice(0, -1))}`
  const fetched = await runMain(['fetch', 'ciab', '--from', from, '--channel', 'nightly', '--key', `${key}.pub`, '--output', output, '--store', join(folder, 'reader')])
  t.equal(fetched.code, 0, fetched.stderr)
  t.equal(await sha256File(join(output, `ciab-${versionOf(made)}/kvm/ciab.ova`)), await sha256File(join(folder, 'large')))
})
