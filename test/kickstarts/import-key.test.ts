/** The kickstart's import_key, run in a shell with gpg: rpm itself is played. */
import t from 'tap'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { makeSigningKey } from '../fixtures/rpm-repository.js'
import { realRun } from '../fixtures/sealed-disk.js'

const part = fileURLToPath(new URL('../../kickstarts/eucalyptus/parts/repositories.ks.hbs', import.meta.url))
const folder = t.testdir({ good: {}, other: {}, keys: {} })
const [good, other] = [await makeSigningKey(join(folder, 'good')), await makeSigningKey(join(folder, 'other'))]

/** What rpm was given and what the console was told. */
async function importKey(text: string): Promise<readonly [imported: boolean, said: string]> {
  const file = join(folder, 'offered.asc')
  const console = join(folder, 'console')
  writeFileSync(file, text)
  writeFileSync(console, '')
  const body = /^import_key\(\) \{\n[\s\S]*?\n\}$/m.exec(readFileSync(part, 'utf8'))?.[0] ?? ''
  const script = `set -eu\nrpm() { echo imported; }\n${body}\nimport_key own file://${file} ${good.fingerprint}\n`
  const moved = script.replaceAll('/etc/pki/rpm-gpg', join(folder, 'keys')).replaceAll('>/dev/console', `>>${console}`)
  const { stdout } = await realRun(['env', `GNUPGHOME=${join(folder, 'good/gpg')}`, 'sh', '-c', moved], { okCodes: [0, 1] })
  return [stdout.includes('imported'), readFileSync(console, 'utf8').replaceAll(`file://${file}`, 'URL')]
}

t.test('the key that was meant is imported', async t => t.same(await importKey(good.publicKey), [true, '']))

t.test('another one is not, nor is a file that holds both', async t => {
  const wrong = (found: string) => [false, `PIPELINE install failed: the key own of URL has the fingerprint ${found}, not ${good.fingerprint}\n`]
  t.same(await importKey(other.publicKey), wrong(other.fingerprint))
  t.same(await importKey(`${good.publicKey}${other.publicKey}`), wrong(`${good.fingerprint} ${other.fingerprint}`))
})
