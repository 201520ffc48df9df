/** needles: the forms of a secret, and finding them anywhere in a file. */
import t from 'tap'
import { openSync, writeSync, closeSync, ftruncateSync } from 'node:fs'
import { join } from 'node:path'
import { createSearcher, firstOfEach, needleForms, searchFile } from '../../pipeline/tools/needles.js'

const secret = { name: 'canary', value: 'c4nary/of+build' }
const forms = needleForms([secret])
const chunk = 4 * 1024 * 1024

/** A sparse file with these texts in it. */
function file(directory: string, texts: Readonly<Record<number, string | Buffer>>, size = 3 * chunk): string {
  const path = join(directory, 'disk')
  const handle = openSync(path, 'w')
  ftruncateSync(handle, size)
  for (const [offset, text] of Object.entries(texts)) {
    const bytes = Buffer.from(text)
    writeSync(handle, bytes, 0, bytes.length, Number(offset))
  }
  closeSync(handle)
  return path
}

const whole = [{ startBytes: 0, lengthBytes: 3 * chunk }]

for (const [what, text, name] of [
  ['as it is', secret.value, 'canary'],
  ['url-encoded', 'http://user:c4nary%2Fof%2Bbuild@proxy.example', 'canary (url-encoded)'],
  ['in base64', Buffer.from(`user:${secret.value}`).toString('base64'), 'canary (base64)'],
  ['in base64, one byte further', Buffer.from(`xuser:${secret.value}!`).toString('base64'), 'canary (base64)'],
  ['in base64, two bytes further', Buffer.from(`xyuser:${secret.value}!!`).toString('base64'), 'canary (base64)'],
  ['in hex', Buffer.from(secret.value).toString('hex'), 'canary (hex)'],
  ['in UTF-16', Buffer.from(secret.value, 'utf16le'), 'canary (UTF-16)'],
] as const) {
  t.test(`finds a secret ${what}`, async t => {
    const hits = await searchFile(file(t.testdir(), { 70_001: text }), whole, forms)
    t.strictSame(hits.map(hit => hit.name), [name])
  })
}

t.test('finds a secret at every place of a chunk\'s border, once', async t => {
  for (let before = 0; before <= secret.value.length; before++) {
    const at = chunk - before
    const hits = await searchFile(file(t.testdir(), { [at]: secret.value }), whole, forms)
    t.strictSame(hits, [{ name: 'canary', offsetBytes: at }])
  }
})

t.test('finds a secret at the very start and the very end', async t => {
  const last = 3 * chunk - secret.value.length
  const hits = await searchFile(file(t.testdir(), { 0: secret.value, [last]: secret.value }), whole, forms)
  t.strictSame(hits.map(hit => hit.offsetBytes), [0, last])
})

t.test('does not look outside of the given parts', async t => {
  const path = file(t.testdir(), { 100: secret.value, [chunk]: secret.value })
  const hits = await searchFile(path, [{ startBytes: chunk, lengthBytes: 4096 }], forms)
  t.strictSame(hits, [{ name: 'canary', offsetBytes: chunk }])
})

t.test('tells many secrets apart, also where one begins another', async t => {
  const search = createSearcher(needleForms([
    { name: 'short', value: 'secret' },
    { name: 'long', value: 'secretly' },
    { name: 'other', value: 'terces' },
  ]))
  const found: [string, number][] = []
  search(Buffer.from('..secretly..secret..secre t..terces'), (form, index) => found.push([form.name, index]))
  t.strictSame(found.sort(), [['long', 2], ['other', 29], ['short', 12], ['short', 2]])
})

t.test('finds exactly what a plain search finds', async t => {
  // A small alphabet makes near misses and overlaps frequent.
  let state = 7
  const random = () => (state = (state * 1103515245 + 12345) % 2147483648) / 2147483648
  const text = Array.from({ length: 20_000 }, () => 'ab'[Math.floor(random() * 2)]).join('')
  const needles = ['abbaba', 'aabbaabb', 'bbbbbb', 'abababababab'].map(value => ({ name: value, bytes: Buffer.from(value) }))
  const found: string[] = []
  createSearcher(needles)(Buffer.from(text), (form, index) => found.push(`${index} ${form.name}`))
  const wanted = needles.flatMap(({ name }) =>
    Array.from({ length: text.length }, (_, index) => index)
      .filter(index => text.startsWith(name, index))
      .map(index => `${index} ${name}`))
  t.strictSame(found.sort(), wanted.sort())
  t.ok(wanted.length > 500)
})

t.test('reports each form a few times only', async t => {
  const hits = await searchFile(file(t.testdir(), { 0: `${secret.value} `.repeat(100) }), whole, forms)
  t.equal(hits.length, 5)
})

t.test('reports what may be packaged each time: only its place tells whether it counts', async t => {
  const marked = needleForms([{ ...secret, mayBePackaged: true }])
  const hits = await searchFile(file(t.testdir(), { 0: `${secret.value} `.repeat(9) }), whole, marked)
  t.equal(hits.length, 9)
  t.ok(hits.every(hit => hit.mayBePackaged))
  t.equal(firstOfEach(hits).length, 5)
})

t.test('refuses a secret so short that it is found everywhere', async t => {
  try {
    needleForms([{ name: 'password', value: 'abc' }])
    t.fail('accepted')
  } catch (error) {
    t.match(error, {
      message: 'The secret "password" is shorter than 6 characters: it cannot be searched for.',
      hint: 'Use a longer password.',
      exitCode: 2,
    })
  }
})
