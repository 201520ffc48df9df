/** Storms and kills between publishing and a real S3 server (Ceph RGW): they take minutes. */
import t from 'tap'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { startCli } from '../../fixtures/cli-run.js'
import { runMain } from '../../fixtures/main-run.js'
import { makePublicBucket } from '../../fixtures/public-bucket.js'
import { signedAnew } from '../../fixtures/resign.js'
import { bucket, bucketName, proxy, read, server, versionOf, visible, world } from '../../fixtures/publish-world.js'
import type { ChannelDocument } from '../../../pipeline/release/documents.js'

const everyStep = [
  { path: /probe/, header: 'if-match' }, { method: 'HEAD' }, { method: 'POST', path: /uploads/ }, { method: 'PUT', path: /partNumber/ }, { method: 'POST', path: /uploadId/ },
  { method: 'PUT', path: /sbom/ }, { method: 'PUT', path: /SHA256SUMS/ }, { method: 'PUT', path: /index\.json/ }, { method: 'GET', path: /index\.json/ }, { method: 'PUT', path: /channels/ },
  { method: 'PUT', path: /index\.html/ }, { method: 'DELETE' },
]

t.test('storms, cuts, a wrong ETag, lost parts and a wrong clock are overcome', async t => {
  const path = /qcow2/
  const table: Record<string, () => void> = {
    'a storm of 503 from the beginning': () => void proxy.fault({ times: 15 }, { kind: 'answer', status: 503, code: 'SlowDown' }),
    'storms of 503 at every kind of request': () => everyStep.forEach(step => proxy.fault({ ...step, times: 3 }, { kind: 'answer', status: 503, code: 'SlowDown' })),
    'storms of 500 after the work was done': () => everyStep.forEach(step => proxy.fault({ ...step, times: 3 }, { kind: 'answer-after', status: 500, code: 'InternalError' })),
    'a slow connection': () => void proxy.fault({ method: 'PUT', path, times: 2 }, { kind: 'slow', bytesPerSecond: 2_000_000 }),
    'a connection cut in the middle of a part': () => void proxy.fault({ method: 'PUT', path, times: 3 }, { kind: 'cut-request', afterBytes: 3_000_000 }),
    'a wrong ETag': () => void proxy.fault({ method: 'PUT', path, times: 2 }, { kind: 'headers', headers: { etag: '"00000000000000000000000000000000"' } }),
    'a part that the server loses': () => void proxy.fault({ method: 'PUT', path: /partNumber=1/, times: 1 }, { kind: 'lose' }),
    'a clock that is a day off': () => void proxy.fault({}, { kind: 'skew', milliseconds: 24 * 60 * 60 * 1000, pass: seen => signedAnew(seen, { secret: 'demosecret' }) }),
    'a lost answer to the finish': () => void proxy.fault({ method: 'POST', path: /uploadId/, times: 1 }, { kind: 'answer-after', status: 500, code: 'InternalError' }),
    'a lost answer to the pointer': () => void proxy.fault({ method: 'PUT', path: /channels/, times: 1 }, { kind: 'answer-after', status: 500, code: 'InternalError' }),
  }
  for (const [name, fault] of Object.entries(table)) {
    const { release, publish, prefix } = world(t.testdir({}))
    const made = await release()
    fault()
    const { code, stderr } = await publish(made, '--patience', '120')
    t.equal(code, 0, `${name}: ${stderr}`)
    t.same(await visible(t, prefix), [versionOf(made)], name)
  }
})

t.test('a gateway that is gone for a minute is waited for, on the way up and on the way down', async t => {
  const { release, publish, prefix, folder, key } = world(t.testdir({}))
  await makePublicBucket(server.url, bucketName)
  const made = await release()
  const goneAt = (method: string, path: RegExp) =>
    proxy.fault({ method, path, times: 1 }, { kind: 'call', run: () => server.leave().then(() => void setTimeout(() => void server.comeBack(), 60_000)) })
  const up = goneAt('PUT', /partNumber=2/)
  const { code, stderr } = await publish(made, '--patience', '180')
  t.same([code, up.hits], [0, 1], stderr)
  t.match(stderr, /uploading part 2 of tree \d+\/ciab\/\S+\/kvm\/ciab\.qcow2: http:\S+: connection (refused|cut); trying again\n/)
  t.same(await visible(t, prefix), [versionOf(made)])
  const down = goneAt('GET', /qcow2$/)
  const output = join(folder, 'out')
  const from = `${proxy.url}/${bucketName}/${encodeURIComponent(prefix.slice(0, -1))}`
  const fetched = await runMain(['fetch', 'ciab', '--from', from, '--channel', 'nightly', '--target', 'kvm', '--key', `${key}.pub`, '--output', output, '--store', join(folder, 'reader')])
  t.same([fetched.code, down.hits], [0, 1], fetched.stderr)
  const digest = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex')
  t.equal(digest(join(output, `ciab-${versionOf(made)}/kvm/ciab.qcow2`)), digest(join(made, 'kvm/ciab.qcow2')))
})

t.test('killed at ten moments, the same command ends the work and sends only what is missing', async t => {
  const { release, args, prefix } = world(t.testdir({}))
  const mib = 1024 * 1024
  const old = await release({ version: '0', files: { kvm: { disk: 'x' } } })
  t.equal((await runMain(args(old))).code, 0)
  const made = await release({ version: '1', files: { kvm: { 'ciab.qcow2': 60 * mib, 'start.sh': 'x' } } })
  const moments: { method: string; path: RegExp; skip?: number }[] = [
    { method: 'POST', path: /uploads/ }, { method: 'PUT', path: /partNumber/, skip: 1 }, { method: 'PUT', path: /partNumber/, skip: 2 },
    { method: 'PUT', path: /partNumber/, skip: 1 }, { method: 'POST', path: /uploadId/ }, { method: 'PUT', path: /sbom/ }, { method: 'PUT', path: /SHA256SUMS\.sig/ },
    { method: 'PUT', path: /ciab\/1\/index\.json/ }, { method: 'PUT', path: /ciab\/index\.json/ }, { method: 'PUT', path: /channels/ },
  ]
  let partBytes = 0
  for (const moment of moments) {
    proxy.clear()
    const running = startCli(args(made, '--parallel', '1'), process.env)
    proxy.fault({ ...moment, times: 1 }, { kind: 'call', run: () => void running.child.kill('SIGKILL') })
    const { code } = await running.ended
    t.equal(code, null, `killed at ${moment.method} ${moment.path}`)
    partBytes += proxy.requests.filter(({ path }) => path.includes('partNumber')).reduce((sum, { requestBytes }) => sum + requestBytes, 0)
    const seen = await visible(t, prefix)
    t.ok(seen.includes('0'))
    t.match((await read<ChannelDocument>(prefix, 'ciab/channels/nightly.json'))?.current?.version, moment.path.source === 'channels' ? /[01]/ : '0')
  }
  const { code, stderr } = await runMain(args(made))
  t.equal(code, 0, stderr)
  t.same((await visible(t, prefix)).sort(), ['0', '1'])
  t.same(await read<ChannelDocument>(prefix, 'ciab/channels/nightly.json').then(found => found?.current?.version), '1')
  t.same(await bucket.listUploads(prefix), [], 'no unfinished upload is left')
  // Each kill costs the parts that were on their way, no more.
  t.ok(partBytes <= 60 * mib + 4 * 8 * mib, `${partBytes} bytes of parts travelled`)
})
