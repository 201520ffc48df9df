import t from 'tap'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openSerials, requireNews } from '../../pipeline/release/seen.js'
import { failureOf } from '../fixtures/failure.js'

const now = new Date('2026-01-10T00:00:00.000Z')
const document = (serial: number, expires = '2026-02-01T00:00:00.000Z') => ({ serial, date: '2026-01-01T00:00:00.000Z', expires })
const url = 'http://server/ciab/index.json'

t.test('a serial is remembered for each address, over runs; a lower one is refused', async t => {
  const file = join(t.testdir({}), 'state/seen.json')
  await requireNews(document(3), { url, file, now })
  await requireNews(document(3), { url, file, now })
  await requireNews(document(1), { url: `${url}2`, file, now })
  t.match(JSON.parse(readFileSync(file, 'utf8')), { [url]: { serial: 3 }, [`${url}2`]: { serial: 1 } })
  const failure = await failureOf(requireNews(document(2), { url, file, now }))
  t.same([failure.code, failure.exitCode, failure.message], ['serial-lower', 5, `${url} has serial 2, and serial 3 was seen here before: it was put back to an older state.`])
})

t.test('nothing is taken from an expired document, nor from one without a date', async t => {
  const file = join(t.testdir({}), 'seen.json')
  for (const expires of ['2026-01-10T00:00:00.000Z', '2025-01-01T00:00:00.000Z', 'soon']) {
    t.equal((await failureOf(requireNews(document(9, expires), { url, file, now }))).code, 'pointer-expired', expires)
  }
  await requireNews(document(1), { url, file, now })
  t.match(JSON.parse(readFileSync(file, 'utf8')), { [url]: { serial: 1 } }, 'its serial does not count')
})

t.test('a memory that cannot be written is told by its file, and tried again', async t => {
  const directory = t.testdir({})
  const serials = await openSerials({ base: 'http://server/', file: join(directory, 'absent/seen.json') })
  writeFileSync(join(directory, 'absent'), 'in its way')
  const failure = await failureOf(serials.note('a.json', document(1)))
  t.same([failure.code, failure.exitCode], ['seen-not-kept', 3])
  t.match(failure.message, 'absent/seen.json')
  rmSync(join(directory, 'absent'))
  await serials.note('b.json', document(1))
  t.match(JSON.parse(readFileSync(join(directory, 'absent/seen.json'), 'utf8')), { 'http://server/b.json': { serial: 1 } })
})

t.test('a memory that a hand has damaged counts as empty', async t => {
  const file = join(t.testdir({ 'seen.json': '{"a' }), 'seen.json')
  await requireNews(document(1), { url, file, now })
  t.match(JSON.parse(readFileSync(file, 'utf8')), { [url]: { serial: 1 } })
})

t.test('an address that was kept with its password loses it, and not its serial', async t => {
  const kept = { 'http://reader:sesame@server/ciab/index.json': { serial: 5, date: 'x' }, [url]: { serial: 2, date: 'x' } }
  const file = join(t.testdir({ 'seen.json': JSON.stringify(kept) }), 'seen.json')
  t.equal((await failureOf(requireNews(document(4), { url, file, now }))).code, 'serial-lower')
  await requireNews(document(6), { url, file, now })
  t.same(Object.keys(JSON.parse(readFileSync(file, 'utf8')) as object), [url])
})

t.test('a publisher remembers the highest serial of each document of a tree, over runs', async t => {
  const file = join(t.testdir({}), 'state/seen.json')
  const tree = { base: 'http://server/a b/', file }
  const first = await openSerials(tree)
  await Promise.all([['ciab/index.json', 3], ['ciab/index.json', 2], ['ciab/1+2/x', 5]].map(([key, serial]) => first.note(String(key), { serial: Number(serial), date: 'x' })))
  t.same([first.highest('ciab/index.json'), first.highest('ciab/1+2/x'), first.highest('other')], [3, 5, 0])
  const second = await openSerials(tree)
  await first.note('ciab/index.json', { serial: 7, date: 'x' })
  await second.note('ciab/index.json', { serial: 6, date: 'x' })
  t.match(JSON.parse(readFileSync(file, 'utf8')), { 'http://server/a b/ciab/index.json': { serial: 7 }, 'http://server/a b/ciab/1%2B2/x': { serial: 5 } })
  t.equal((await openSerials({ ...tree, base: 'http://other/' })).highest('ciab/index.json'), 0)
})
