import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { readTrustedKeys, secretKeys, secretsOf } from '../../pipeline/release/keys.js'
import { bareSshKey } from '../../pipeline/tools/signature.js'
import { failureOf } from '../fixtures/failure.js'
import { makeGpgKey, makeSshKey } from '../fixtures/keys.js'

t.test('secret keys come from files, the agent, a keyring or the environment; options win', t => {
  const env = { PIPELINE_SIGN_KEY: 'ssh text', PIPELINE_OPENPGP_KEY: 'pgp text' }
  t.same(secretKeys({}, {}), [])
  t.same(secretKeys({}, env), [{ kind: 'ssh', text: 'ssh text' }, { kind: 'openpgp', text: 'pgp text' }])
  t.same(secretKeys({ signKey: '/k', openpgpKey: '/p' }, env), [{ kind: 'ssh', file: '/k' }, { kind: 'openpgp', file: '/p' }])
  t.same(secretKeys({ signKey: '/k.pub', openpgpId: 'me' }, { SSH_AUTH_SOCK: '/agent', GNUPGHOME: '/home' }), [
    { kind: 'ssh', file: '/k.pub', agentSocket: '/agent' }, { kind: 'openpgp', id: 'me', home: '/home' },
  ])
  t.same(secretsOf({ ...env, AWS_SECRET_ACCESS_KEY: 'a', AWS_SESSION_TOKEN: 'b', HOME: '/root' }), ['a', 'b', 'ssh text', 'pgp text'])
  t.same(secretsOf({ AWS_CONTAINER_AUTHORIZATION_TOKEN: 'c', PIPELINE_RELEASES: 'https://reader:sesame@d.example/x' }), ['c', 'sesame'])
  t.end()
})

t.test('trusted keys are read from .pub, allowed_signers and armoured files, each once', async t => {
  const folder = t.testdir({ keys: { 'README.md': 'no key', 'old.txt': 'no key' } })
  const ssh = makeSshKey(join(folder, 'a'))
  const gpg = makeGpgKey(folder)
  const bare = bareSshKey(readFileSync(`${ssh}.pub`, 'utf8'))
  writeFileSync(join(folder, 'keys/allowed_signers'), `# ours\nrelease namespaces="x" ${bare}\n`)
  writeFileSync(join(folder, 'keys/release.asc'), readFileSync(gpg.public))
  t.same(await readTrustedKeys([`${ssh}.pub`], join(folder, 'keys')), { ssh: [bare], openpgp: [readFileSync(gpg.public, 'utf8')] })
  t.same(await readTrustedKeys([], join(folder, 'nowhere')), { ssh: [], openpgp: [] })
  const refusals = { [ssh]: 'it is a secret key, which belongs to nobody but the publisher', [join(folder, 'keys/README.md')]: 'it holds none' }
  for (const [file, reason] of Object.entries(refusals)) {
    const failure = await failureOf(readTrustedKeys([file]))
    t.same([failure.code, failure.exitCode], ['trusted-key-unreadable', 2])
    t.match(failure.message, reason)
  }
})
