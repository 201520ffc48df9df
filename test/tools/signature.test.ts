/** Signatures by the real programs, checked by the stock ones as a reader does it. */
import t from 'tap'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { allowedSigners, bareSshKey, publicKeyOf, signText, verifyText } from '../../pipeline/tools/signature.js'
import { makeGpgKey, makeSshKey } from '../fixtures/keys.js'
import { runMain } from '../fixtures/main-run.js'
import { realRun } from '../fixtures/sealed-disk.js'

t.test('a key that lies only in the agent signs by the name of its public file', async t => {
  const folder = t.testdir({})
  const key = makeSshKey(join(folder, 'key'))
  // A socket's path has a limit of 107 bytes.
  const agentFolder = mkdtempSync(join(tmpdir(), 'agent-'))
  const agentSocket = join(agentFolder, 'socket')
  const agent = spawn('ssh-agent', ['-D', '-a', agentSocket], { stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => {
    agent.kill()
    rmSync(agentFolder, { recursive: true })
  })
  await once(agent.stdout, 'data')
  execFileSync('ssh-add', ['-q', key], { env: { ...process.env, SSH_AUTH_SOCK: agentSocket }, stdio: 'pipe' })
  rmSync(key)
  const signature = await signText('text', { kind: 'ssh', file: `${key}.pub`, agentSocket }, realRun)
  const [public_, { text }] = [bareSshKey(readFileSync(`${key}.pub`, 'utf8')), signature]
  t.equal(await verifyText('text', signature, { ssh: [public_], openpgp: [] }, realRun), true)
  t.equal(await verifyText('another text', signature, { ssh: [public_], openpgp: [] }, realRun), false)
  writeFileSync(join(folder, 'allowed'), allowedSigners([public_]))
  writeFileSync(join(folder, 'sig'), text)
  const verify = (namespace: string) =>
    execFileSync('ssh-keygen', ['-Y', 'verify', '-f', join(folder, 'allowed'), '-I', 'release', '-n', namespace, '-s', join(folder, 'sig')], { input: 'text', stdio: 'pipe' })
  t.match(verify('appliance-release').toString(), 'Good "appliance-release" signature for release')
  t.throws(() => verify('git'), 'a signature for another purpose is none')
})

t.test('a private key file that lost its last line break, or got CRLF, signs', async t => {
  const folder = t.testdir({})
  const key = makeSshKey(join(folder, 'key'))
  const trusted = { ssh: [bareSshKey(readFileSync(`${key}.pub`, 'utf8'))], openpgp: [] }
  const text = readFileSync(key, 'utf8')
  for (const damaged of [text.trimEnd(), text.replaceAll('\n', '\r\n')]) {
    writeFileSync(key, damaged)
    t.equal(await verifyText('text', await signText('text', { kind: 'ssh', file: key }, realRun), trusted, realRun), true)
    t.equal(await publicKeyOf({ kind: 'ssh', file: key }, realRun), trusted.ssh[0])
    t.equal(readFileSync(key, 'utf8'), damaged, 'it is left as it is')
  }
})

t.test('sign --check tries each key, and needs no release', async t => {
  const folder = t.testdir({ none: '-----BEGIN OPENSSH PRIVATE KEY-----\n' })
  const key = makeSshKey(join(folder, 'key'))
  t.same(await runMain(['sign', '--check', '--sign-key', key]), { code: 0, stdout: '', stderr: 'sign: can sign with ssh\n' })
  for (const more of ['artifacts/box-1', '--rehash']) {
    t.same(await runMain(['sign', more, '--check', '--sign-key', key]), { code: 2, stdout: '', stderr: `error: ${more} changes nothing here: with --check nothing is signed. (leave it out, or say what it is for)\n` })
  }
  const broken = await runMain(['sign', '--check', '--sign-key', join(folder, 'none')])
  t.equal(broken.code, 3)
  t.match(broken.stderr, `error: ssh-keygen cannot sign with the key from ${join(folder, 'none')}.`)
  t.match(await runMain(['sign', '--check']), { code: 0, stderr: 'sign: no key given, what is signed so is UNSIGNED (--sign-key, --openpgp-key, --openpgp-id)\n' })
  t.match(await runMain(['sign']), { code: 2, stderr: "error: missing required argument 'release'" })
})

t.test('gpg alone checks an OpenPGP signature', async t => {
  const folder = t.testdir({ SHA256SUMS: 'sums\n' })
  const key = makeGpgKey(folder)
  const { text } = await signText('sums\n', { kind: 'openpgp', file: key.secret }, realRun)
  writeFileSync(join(folder, 'SHA256SUMS.asc'), text)
  const home = mkdtempSync(join(tmpdir(), 'gpg-'))
  t.teardown(() => {
    execFileSync('gpgconf', ['--homedir', home, '--kill', 'all'])
    rmSync(home, { recursive: true, force: true })
  })
  const gpg = (...args: string[]) => execFileSync('gpg', ['--homedir', home, '--batch', ...args], { cwd: folder, stdio: 'pipe' })
  gpg('--import', key.public)
  gpg('--verify', 'SHA256SUMS.asc', 'SHA256SUMS')
  writeFileSync(join(folder, 'SHA256SUMS'), 'other sums\n')
  t.throws(() => gpg('--verify', 'SHA256SUMS.asc', 'SHA256SUMS'))
})
