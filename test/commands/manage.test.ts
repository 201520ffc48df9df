import t from 'tap'
import { join } from 'node:path'
import { linesOf } from '../../pipeline/commands/manage.js'
import { makeSshKey } from '../fixtures/keys.js'
import { runMain } from '../fixtures/main-run.js'
import { channelDocument, indexDocument, listedRelease } from '../fixtures/published-documents.js'
import { startQuestionServer } from '../fixtures/question-server.js'
import { credentials } from '../fixtures/s3-server.js'

t.test('releases marks each release that is not signed, and all of them where the list is not', t => {
  const unsigned = (signed: boolean) => linesOf({
    appliance: 'ciab', signed, expires: '2026-12-24T04:00:00.000Z', channels: [], releases: [listedRelease('2'), listedRelease('1', { signed: false })],
  }).map(line => line.includes('UNSIGNED'))
  t.same(unsigned(true), [false, true])
  t.same(unsigned(false), [true, true])
  t.end()
})

t.test('prune --dry-run only asks: it writes nothing, not even to try the server out', async t => {
  const sealed = (signed: object) => JSON.stringify({ signed, signatures: [] })
  const server = await startQuestionServer({
    'p/ciab/index.json': sealed(indexDocument(['3', '2', '1'].map(version => listedRelease(version)))),
    'p/ciab/channels/nightly.json': sealed(channelDocument('nightly', '3')),
    ...Object.fromEntries(['3', '2', '1'].map(version => [`p/ciab/${version}/index.json`, version])),
    'p/ciab/0/kvm/disk': 'left by a kill', 'p/ciab/0/.claim.json': '{}', 'p/ciab/docs/page.html': 'of an operator',
  })
  t.teardown(() => server.close())
  const before = { ...process.env }
  Object.assign(process.env, credentials(server.url))
  t.teardown(() => { process.env = before })
  const store = join(t.testdir({}), 'state')
  const { code, stdout, stderr } = await runMain(['prune', '--dry-run', '--keep', '1', '--to', 's3://images/p', '--store', store, '--patience', '0'])
  t.same([code, stdout], [0, 'would remove 2\nwould remove 1\nwould remove 0 (left by a killed command)\nleft docs (nothing in it says that it was a release)\nwould free 0.0 GiB\n'], stderr)
  t.same(server.requests.filter(request => !/^(GET|HEAD) /.test(request)), [])
  const signing = ['prune', '--dry-run', '--keep', '1', '--to', 's3://images/p', '--store', store, '--patience', '0', '--sign-key', makeSshKey(join(t.testdirName, 'key'))]
  const refused = await runMain(signing)
  t.same([refused.code, refused.stdout], [6, ''], 'as prune itself would')
  t.match(refused.stderr, /^error: ciab\/channels\/nightly\.json is not signed; signing it now would vouch for what anybody may have written there\./)
  t.equal((await runMain([...signing, '--adopt-unsigned'])).stdout, stdout)
})
