/** Sealed documents with real ssh-keygen and gpg keys: what was changed, exchanged or signed by another is refused. */
import t from 'tap'
import { Ajv } from 'ajv'
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalText, checkSignatures, parseSealed, seal } from '../../pipeline/release/seal.js'
import type { ChannelDocument } from '../../pipeline/release/documents.js'
import { bareSshKey, publicKeyOf, signText } from '../../pipeline/tools/signature.js'
import type { SecretKey } from '../../pipeline/tools/signature.js'
import { failureOf } from '../fixtures/failure.js'
import { makeGpgKey, makeSshKey } from '../fixtures/keys.js'
import { realRun } from '../fixtures/sealed-disk.js'

const pointer: ChannelDocument = {
  formatVersion: 1, kind: 'channel', appliance: 'ciab', channel: 'nightly', serial: 3,
  date: '2026-01-01T00:00:00.000Z', expires: '2026-02-01T00:00:00.000Z',
  current: { version: '1.0+a', sha256: 'a'.repeat(64), sizeBytes: 10 }, previous: [],
}
const wanted = { kind: 'channel', appliance: 'ciab', key: 'ciab/channels/nightly.json', what: 'ciab/channels/nightly.json' } as const
const signer = (...keys: SecretKey[]) => (text: string) => Promise.all(keys.map(key => signText(text, key, realRun)))

t.test('a document signed by ssh-keygen and gpg opens with either key, and not with another', async t => {
  const folder = t.testdir({})
  const [ssh, other] = [makeSshKey(join(folder, 'a')), makeSshKey(join(folder, 'b'))]
  const gpg = makeGpgKey(folder)
  const text = await seal(pointer, signer({ kind: 'ssh', file: ssh }, { kind: 'openpgp', file: gpg.secret }))
  const sealed = parseSealed(text, wanted)
  t.same(sealed.signed, pointer)
  const check = (trusted: { ssh?: string[]; openpgp?: string[] }) =>
    checkSignatures(sealed, { what: wanted.what, trusted: { ssh: [], openpgp: [], ...trusted }, run: realRun })
  t.equal(await check({ ssh: [bareSshKey(readFileSync(`${ssh}.pub`, 'utf8'))] }), true)
  t.equal(await check({ openpgp: [readFileSync(gpg.public, 'utf8')] }), true)
  const failure = await failureOf(check({ ssh: [bareSshKey(readFileSync(`${other}.pub`, 'utf8'))] }))
  t.same([failure.code, failure.exitCode, failure.message], [
    'signature-wrong', 5,
    'The signature of ciab/channels/nightly.json does not fit: it was changed, or signed by a key that is not trusted here.',
  ])
  const forged = { ...sealed, signed: { ...sealed.signed, serial: 4 } }
  t.equal((await failureOf(checkSignatures(forged, { what: 'x', trusted: { ssh: [await publicKeyOf({ kind: 'ssh', file: ssh }, realRun)], openpgp: [readFileSync(gpg.public, 'utf8')] }, run: realRun }))).code, 'signature-wrong')
})

t.test('jq prints the very bytes that were signed, so stock programs can check a document', async t => {
  const folder = t.testdir({})
  const ssh = makeSshKey(join(folder, 'a'))
  writeFileSync(join(folder, 'nightly.json'), await seal({ ...pointer, previous: [] }, signer({ kind: 'ssh', file: ssh })))
  const signed = execFileSync('jq', ['-jcS', '.signed', join(folder, 'nightly.json')])
  t.equal(signed.toString(), canonicalText(pointer))
})

t.test('a private key from the environment signs, even when its last line break was lost', async t => {
  const folder = t.testdir({})
  const ssh = makeSshKey(join(folder, 'a'))
  const key: SecretKey = { kind: 'ssh', text: readFileSync(ssh, 'utf8').trim() }
  const sealed = parseSealed(await seal(pointer, signer(key)), wanted)
  t.equal(await checkSignatures(sealed, { what: 'x', trusted: { ssh: [await publicKeyOf(key, realRun)], openpgp: [] }, run: realRun }), true)
})

t.test('an unusable key is named, and nothing of it is shown', async t => {
  const folder = t.testdir({ key: 'not a key' })
  const missing = await failureOf(signText('x', { kind: 'ssh', file: join(folder, 'none') }, realRun))
  t.same([missing.code, missing.message, missing.exitCode], ['sign-key-unusable', `ssh-keygen cannot sign with the key from ${join(folder, 'none')}.`, 3])
  const broken = await failureOf(signText('x', { kind: 'openpgp', text: 'no key' }, realRun))
  t.same([broken.code, broken.message], ['sign-key-unusable', 'gpg cannot sign with the key from the environment.'])
})

t.test('what is no document of the tree is refused before it is looked at', async t => {
  const good = { signed: pointer, signatures: [] }
  const table: Record<string, [unknown, string]> = {
    'text that is not JSON': ['{', 'it is not JSON'],
    'another kind': [{ ...good, signed: { ...pointer, kind: 'x' } }, 'it is not of kind channel'],
    'another appliance': [{ ...good, signed: { ...pointer, appliance: 'other' } }, 'it is of the appliance other, not ciab'],
    "another channel's pointer": [{ ...good, signed: { ...pointer, channel: 'stable' } }, 'it belongs at ciab/channels/stable.json'],
    'a version that leaves its folder': [{ ...good, signed: { ...pointer, current: { ...pointer.current, version: '../x' } } }, '/signed/current/version: must match pattern "^[0-9A-Za-z][0-9A-Za-z.+~_-]{0,127}$"'],
    'a serial that is no number': [{ ...good, signed: { ...pointer, serial: '3' } }, '/signed/serial: must be integer'],
  }
  for (const [name, [value, problem]] of Object.entries(table)) {
    const text = typeof value === 'string' ? value : JSON.stringify(value)
    const failure = await failureOf((async () => parseSealed(text, wanted))())
    t.equal(failure.message, 'ciab/channels/nightly.json is not what a published tree holds.', name)
    t.ok(failure.details.includes(problem), `${name}: ${failure.details.join(' | ')}`)
  }
})

t.test('an unsigned document says so', async t => {
  const sealed = parseSealed(await seal(pointer, async () => []), wanted)
  t.equal(await checkSignatures(sealed, { what: 'x', trusted: { ssh: [], openpgp: [] }, run: realRun }), false)
})

t.test('the schema of the documents is a schema, and strictly so', t => {
  const schema = JSON.parse(readFileSync(new URL('../../pipeline/release/documents.schema.json', import.meta.url), 'utf8')) as { $id: string }
  const ajv = new Ajv({ strictTypes: false, strictRequired: false }).addSchema(schema)
  for (const part of ['release', 'channel', 'index', 'signatures']) t.ok(ajv.compile({ $ref: `${schema.$id}#/definitions/${part}` }), part)
  t.end()
})
