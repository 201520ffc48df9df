import t from 'tap'
import { appendFileSync, existsSync, readFileSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { openJournal } from '../../pipeline/release/journal.js'

const upload = { id: 'u1', partBytes: 8, identity: '1-2-3-4' }

t.test('another run knows what this one did', async t => {
  const file = join(t.testdir({}), 'publish/x.jsonl')
  const first = openJournal(file)
  first.began('a', upload)
  first.stored('a', 1, { etag: 'e1', sha256: 's1' })
  first.began('b', { ...upload, id: 'u2' })
  first.ended('b')
  const second = openJournal(file)
  t.same(second.upload('a'), { ...upload, parts: new Map([[1, { etag: 'e1', sha256: 's1' }]]) })
  t.equal(second.upload('b'), undefined)
  await second.remove()
  t.notOk(existsSync(file))
})

t.test('a line cut by a kill is left out, and the next one is not lost with it', async t => {
  const file = join(t.testdir({}), 'x.jsonl')
  const first = openJournal(file)
  first.began('a', upload)
  first.stored('a', 1, { etag: 'e1', sha256: 's1' })
  first.stored('a', 2, { etag: 'e2' })
  truncateSync(file, readFileSync(file).length - 5)
  openJournal(file).stored('a', 3, { etag: 'e3' })
  t.same(openJournal(file).upload('a')?.parts, new Map([[1, { etag: 'e1', sha256: 's1' }], [3, { etag: 'e3' }]]))
  appendFileSync(file, 'nonsense\n')
  t.same(openJournal(file).upload('a')?.parts.size, 2)
})

t.test('a journal of an older version, which knew ETags only, is read', async t => {
  const file = join(t.testdir({ 'x.jsonl': `${JSON.stringify({ began: 'a', ...upload })}\n{"stored":"a","part":1,"etag":"e1"}\n` }), 'x.jsonl')
  t.same(openJournal(file).upload('a')?.parts, new Map([[1, { etag: 'e1' }]]))
})
