/** Waiting before another try. */
import t from 'tap'
import { interrupted } from '../../pipeline/errors/tools.js'
import { delayMs, pause } from '../../pipeline/tools/retry.js'

t.test('each try waits twice as long as the one before, up to eight seconds', async t => {
  const longest = Array.from({ length: 8 }, (_, attempt) => delayMs(attempt, () => 1))
  t.strictSame(longest, [200, 400, 800, 1600, 3200, 6400, 8000, 8000])
  t.equal(delayMs(2000, () => 1), 8000, 'no number of tries makes it endless')
})

t.test('chance takes up to half of it away, and never all', async t => {
  t.strictSame([0, 0.5, 1].map(chance => delayMs(0, () => chance)), [100, 150, 200])
  const drawn = Array.from({ length: 20 }, () => delayMs(5))
  t.ok(drawn.every(delay => delay >= 3200 && delay <= 6400), drawn.join())
  t.ok(new Set(drawn).size > 1, 'those that failed together come back one by one')
})

t.test('a pause ends by itself, or with the reason of the signal', async t => {
  const controller = new AbortController()
  await pause(1, controller.signal)
  const waiting = t.rejects(pause(60_000, controller.signal), { code: 'interrupted', exitCode: 130 })
  controller.abort(interrupted())
  await waiting
  await t.rejects(pause(60_000, controller.signal), { code: 'interrupted' }, 'nor does one begin any more')
})
