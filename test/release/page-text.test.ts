import t from 'tap'
import { dayText, sizeText } from '../../pipeline/release/page-text.js'

t.test('sizes are told in words', t => {
  const table = { 0: '0 bytes', 1023: '1023 bytes', 1024: '1.0 KiB', 10239: '10.0 KiB', 368050176: '351 MiB', 1610612736: '1.5 GiB', 5497558138880: '5.0 TiB' }
  for (const [bytes, words] of Object.entries(table)) t.equal(sizeText(Number(bytes)), words, bytes)
  t.end()
})

t.test('a date is told by its day', t => {
  t.equal(dayText('2026-05-01T23:59:59.000Z'), '2026-05-01')
  t.end()
})
