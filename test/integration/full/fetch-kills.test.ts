/** kill -9 at ten moments of a download from a real S3 server (Ceph RGW): the same command ends it. */
import t from 'tap'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { startCli } from '../../fixtures/cli-run.js'
import { runMain } from '../../fixtures/main-run.js'
import { makePublicBucket } from '../../fixtures/public-bucket.js'
import { bucketName, proxy, server, versionOf, world } from '../../fixtures/publish-world.js'

const mib = 1024 * 1024
const disk = /qcow2$/
const moments: readonly { readonly path: RegExp; readonly skip?: number }[] = [
  { path: /channels/ }, { path: /index\.json$/ }, { path: /SHA256SUMS$/ }, { path: /sbom/ }, { path: /start\.sh$/ },
  { path: disk }, { path: disk, skip: 1 }, { path: disk, skip: 1 }, { path: disk, skip: 2 }, { path: disk, skip: 1 },
]

t.test('no half file ever has its name, and what came is not asked for again', async t => {
  const { release, publish, prefix, folder, key } = world(t.testdir({}))
  await makePublicBucket(server.url, bucketName)
  const made = await release({ files: { kvm: { 'ciab.qcow2': 60 * mib, 'start.sh': '#!/bin/sh\n' } } })
  t.equal((await publish(made)).code, 0)
  const output = join(folder, 'out')
  const from = `${proxy.url}/${bucketName}/${encodeURIComponent(prefix.slice(0, -1))}`
  const args = ['fetch', 'ciab', '--from', from, '--channel', 'nightly', '--key', `${key}.pub`, '--output', output, '--store', join(folder, 'reader'), '--connections', '1']
  const final = join(output, `ciab-${versionOf(made)}/kvm/ciab.qcow2`)
  let diskBytes = 0
  for (const [at, moment] of moments.entries()) {
    proxy.clear()
    const cli = startCli(args, process.env)
    proxy.fault({ ...moment, times: 1 }, { kind: 'call', run: () => void cli.child.kill('SIGKILL') })
    t.equal((await cli.ended).code, null, `killed at moment ${at}`)
    t.notOk(existsSync(final))
    diskBytes += proxy.requests.filter(({ path }) => disk.test(path)).reduce((sum, { responseBytes }) => sum + responseBytes, 0)
  }
  proxy.clear()
  const { code, stderr } = await runMain(args)
  t.equal(code, 0, stderr)
  diskBytes += proxy.requests.filter(({ path }) => disk.test(path)).reduce((sum, { responseBytes }) => sum + responseBytes, 0)
  t.ok(readFileSync(final).equals(readFileSync(join(made, 'kvm/ciab.qcow2'))))
  t.same(readdirSync(join(final, '..')).filter(name => name.startsWith('.')), [], 'nothing is left beside it')
  // Each kill costs the range that was on its way, no more.
  t.ok(diskBytes <= 60 * mib + 5 * 8 * mib, `${diskBytes} bytes of the disk travelled`)
})
