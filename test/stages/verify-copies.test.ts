/** verify-copies: what must differ between two copies, and what a copy must have. */
import t from 'tap'
import { collectIdentity, compareCopies } from '../../pipeline/stages/verify-copies.js'
import type { GuestShell } from '../../pipeline/stages/guest-shell.js'
import { failureOf } from '../fixtures/failure.js'

const credentials = { user: 'evc', password: 'p1', api: 'https://a:8443', apiToken: 't1' }
const shell = (said: string): GuestShell => ({ asRoot: async () => said, asUser: async () => '', as: async () => '', offeredMethods: async () => '' })
const said = 'machine id=abc\nSSH host key ssh_host_ed25519_key.pub=AAA=\ncertificate /var/lib/incus/server.crt=12  -\n'

t.test('collects keys, certificates, ids and what was generated', async t => {
  const identity = await collectIdentity(shell(said), credentials, 'ff00')
  t.strictSame(Object.fromEntries(identity), {
    'machine id': 'abc',
    'SSH host key ssh_host_ed25519_key.pub': 'AAA=',
    'certificate /var/lib/incus/server.crt': '12  -',
    password: 'p1',
    'api-token': 't1',
    'certificate of the API': 'ff00',
  })
})

t.test('misses what a copy should have', async t => {
  const empty = await failureOf(collectIdentity(shell('machine id=\nSSH host key a=b\n'), credentials, 'f'))
  t.equal(empty.message, 'This copy has no machine id.')
  const keyless = await failureOf(collectIdentity(shell('machine id=a\n'), credentials, 'f'))
  t.equal(keyless.message, 'This copy has no SSH host keys.')
})

t.test('a value that only one copy has is no difference', async t => {
  const one = new Map([['machine id', 'a'], ['password', 'p']])
  const two = new Map([['machine id', 'b']])
  const error = await failureOf((async () => compareCopies([one, two]))())
  t.equal(error.message, 'Not every copy has: password.')
})

t.test('names what two copies share', async t => {
  const one = new Map([['machine id', 'a'], ['password', 'p'], ['api-token', 'x']])
  const two = new Map([['machine id', 'b'], ['password', 'q'], ['api-token', 'y']])
  t.strictSame(compareCopies([one, two]), ['machine id', 'password', 'api-token'])
  const third = new Map([['machine id', 'c'], ['password', 'p'], ['api-token', 'y']])
  const error = await failureOf((async () => compareCopies([one, two, third]))())
  t.equal(error.message, 'Two copies share: password, api-token.')
})
