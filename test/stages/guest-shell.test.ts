/** guest-shell: SSH that trusts one host key only, sudo by standard input, what SSH offers. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { openShell } from '../../pipeline/stages/guest-shell.js'
import { fakeRun } from '../fixtures/fake-run.js'
import type { FakeAnswer } from '../fixtures/fake-run.js'

async function open(directory: string, answers: readonly FakeAnswer[]) {
  const fake = fakeRun(answers)
  const access = { port: 40022, directory, keyPath: '/k', hostKey: 'AAAAC3', user: 'evc', password: 'secret', timeoutMs: 5000 }
  return { shell: await openShell({ run: fake.run, ...access }), calls: fake.calls, directory }
}

t.test('hands the password to sudo by standard input, masked, and the script behind it', async t => {
  const { shell, calls, directory } = await open(t.testdir(), [{ on: /^ssh /, stdout: 'root\n' }])
  t.equal(await shell.asRoot('whoami'), 'root\n')
  const knownHosts = join(directory, 'known_hosts')
  t.equal(readFileSync(knownHosts, 'utf8'), '[127.0.0.1]:40022 ssh-ed25519 AAAAC3\n')
  t.strictSame(calls[0]?.command, [
    'ssh', '-F', 'none', '-p', '40022', '-i', '/k',
    '-o', 'BatchMode=yes', '-o', 'IdentitiesOnly=yes', '-o', 'StrictHostKeyChecking=yes', '-o', 'HostKeyAlgorithms=ssh-ed25519',
    '-o', `UserKnownHostsFile=${knownHosts}`, '-o', 'GlobalKnownHostsFile=/dev/null', '-o', 'ConnectTimeout=30',
    '--', 'evc@127.0.0.1', 'sudo -k -S -p "" bash -eu',
  ])
  t.match(calls[0]?.options, { input: 'secret\nwhoami\n', secrets: ['secret'], timeoutMs: 5000 })
})

t.test('runs a user\'s script without the password', async t => {
  const { shell, calls } = await open(t.testdir(), [{ on: /bash -eu'$/, stdout: 'evc sudo\n' }])
  t.equal(await shell.asUser('id -nG'), 'evc sudo\n')
  t.equal(calls[0]?.options.input, 'id -nG\n')
})

t.test('reads the ways to log in from the refusal', async t => {
  const refusal = { on: /PreferredAuthentications=none .*root@127.0.0.1 true$/, exitCode: 255, stderr: 'Warning: x\nroot@127.0.0.1: Permission denied (publickey,password).\n' }
  const { shell } = await open(t.testdir(), [refusal])
  t.equal(await shell.offeredMethods('root'), 'publickey,password')
})

t.test('does not take another failure for a refusal', async t => {
  const { shell } = await open(t.testdir(), [{ on: /root@/, exitCode: 255, stderr: 'Connection refused\n' }])
  t.equal(await shell.offeredMethods('root'), 'an unknown answer: Connection refused')
})
