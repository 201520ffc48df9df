/** What sign writes into a finished release, with a real key or none. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { ownPublicKeys } from '../../pipeline/release/keys.js'
import { signRelease } from '../../pipeline/release/sign.js'
import type { SignRequest } from '../../pipeline/release/sign.js'
import { openHashMemory } from '../../pipeline/tools/hash-memory.js'
import { signText } from '../../pipeline/tools/signature.js'
import type { SecretKey } from '../../pipeline/tools/signature.js'
import { failureOf } from '../fixtures/failure.js'
import { makeGpgKey, makeSshKey } from '../fixtures/keys.js'
import { makeRelease } from '../fixtures/release.js'
import { realRun } from '../fixtures/sealed-disk.js'

const files = { kvm: { disk: 'content', 'start.sh': '#!/bin/sh\n' }, vmware: { 'disk.vmdk': 'other' } }

async function requestOf(folder: string, release: string, ...keys: readonly SecretKey[]): Promise<SignRequest> {
  return {
    release, toolVersion: '1', chunkCache: join(folder, 'chunks'), signal: new AbortController().signal,
    memory: await openHashMemory(join(folder, 'hashes.json'), { rehash: false }), stages: async () => [],
    packages: async () => ({ packages: [{ name: 'bash', version: '5', architecture: 'amd64', licences: [] }], origin: 'a test' }),
    ...(keys.length === 0 ? {} : { signer: { sign: text => Promise.all(keys.map(key => signText(text, key, realRun))), own: await ownPublicKeys(keys, realRun), run: realRun } }),
  }
}

t.test('sums of the whole and of each folder fit by sha256sum, and their signatures by ssh-keygen', async t => {
  const folder = t.testdir({})
  const [release, key] = [await makeRelease(folder, { files }), makeSshKey(join(folder, 'key'))]
  writeFileSync(join(folder, 'allowed'), `release ${readFileSync(`${key}.pub`, 'utf8')}`)
  const { written, packages } = await signRelease(await requestOf(folder, release, { kind: 'ssh', file: key }))
  t.same([packages, written.map(path => path.slice(release.length + 1))], [1, [
    'sbom.cdx.json', 'provenance.json', 'kvm/SHA256SUMS', 'vmware/SHA256SUMS', 'kvm/SHA256SUMS.sig', 'vmware/SHA256SUMS.sig', 'SHA256SUMS', 'SHA256SUMS.sig',
  ]])
  for (const cwd of ['', 'kvm', 'vmware'].map(name => join(release, name))) {
    execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], { cwd })
    execFileSync('ssh-keygen', ['-Y', 'verify', '-f', join(folder, 'allowed'), '-I', 'release', '-n', 'appliance-release', '-s', 'SHA256SUMS.sig'], { cwd, input: readFileSync(join(cwd, 'SHA256SUMS')) })
    t.ok(true, basename(cwd))
  }
})

t.test('signing again without a key leaves no signature of before', async t => {
  const folder = t.testdir({})
  const [release, key] = [await makeRelease(folder, { files }), makeSshKey(join(folder, 'key'))]
  await signRelease(await requestOf(folder, release, { kind: 'ssh', file: key }))
  await signRelease(await requestOf(folder, release))
  t.same(['SHA256SUMS.sig', 'kvm/SHA256SUMS.sig'].map(name => existsSync(join(release, name))), [false, false])
})

t.test('signed again nothing changes, where each signature is another one, too; another key or another text has it signed anew', async t => {
  const folder = t.testdir({})
  const release = await makeRelease(folder, { files })
  execFileSync('ssh-keygen', ['-q', '-t', 'ecdsa', '-N', '', '-f', join(folder, 'ecdsa')])
  const keys: SecretKey[] = [{ kind: 'ssh', file: join(folder, 'ecdsa') }, { kind: 'openpgp', file: makeGpgKey(folder).secret }]
  t.not((await signText('a', keys[0]!, realRun)).text, (await signText('a', keys[0]!, realRun)).text, 'of this key no two signatures are alike')
  const signatures = async (...with_: SecretKey[]) => {
    await signRelease(await requestOf(folder, release, ...with_))
    return ['SHA256SUMS.sig', 'SHA256SUMS.asc', 'kvm/SHA256SUMS.sig', 'kvm/SHA256SUMS.asc'].map(name => readFileSync(join(release, name), 'utf8'))
  }
  const first = await signatures(...keys)
  t.same(await signatures(...keys), first)
  const other = await signatures({ kind: 'ssh', file: makeSshKey(join(folder, 'other')) }, keys[1]!)
  t.notOk(other.some((text, index) => index % 2 === 0 && text === first[index]))
  writeFileSync(join(release, 'SHA256SUMS.sig'), first[0]!)
  writeFileSync(join(release, 'kvm/SHA256SUMS.sig'), first[0]!)
  const mended = await signatures(...keys)
  t.same([mended[0] === first[0], mended[2] === first[0]], [false, false], 'one of another file is none of this one')
})

t.test('a release that was changed since it was built is not signed', async t => {
  const folder = t.testdir({})
  const release = await makeRelease(folder, { files })
  writeFileSync(join(release, 'kvm/disk'), 'changed')
  const failure = await failureOf(signRelease(await requestOf(folder, release)))
  t.same([failure.code, failure.exitCode, failure.details], ['release-changed', 5, ['kvm/disk: changed']])
  t.notOk(existsSync(join(release, 'sbom.cdx.json')))
})
