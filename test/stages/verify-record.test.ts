/** verify-record: what becomes a failed check, what ends everything, and that no detail shows a secret. */
import t from 'tap'
import { promiseBroken } from '../../pipeline/errors/verify.js'
import { interrupted, toolMissing } from '../../pipeline/errors/tools.js'
import { createRecorder } from '../../pipeline/stages/verify-record.js'
import { failureOf } from '../fixtures/failure.js'

function record(secrets: readonly string[] = []) {
  const abort = new AbortController()
  const said: string[] = []
  const recorder = createRecorder({ target: 'kvm', boot: 'bios', signal: abort.signal, progress: line => said.push(line), secrets })
  const fail = (error: Error) => recorder.check('ready', async () => { throw error })
  return { recorder, abort, said, fail }
}

t.test('gives on what a check found, and notes how long it took', async t => {
  const { recorder } = record()
  t.equal(await recorder.check('ready', async () => ({ found: 'in time', value: 7 })), 7)
  t.match(recorder.checks, [{ target: 'kvm', boot: 'bios', name: 'ready', status: 'passed', detail: 'in time' }])
  t.type(recorder.checks[0]?.durationMs, 'number')
})

t.test('notes a failure with its details, tells the user its first line, and goes on', async t => {
  const { recorder, said, fail } = record()
  t.equal(await fail(promiseBroken('It is not ready', ['| last line'])), undefined)
  t.match(recorder.checks, [{ status: 'failed', detail: 'It is not ready.\n| last line' }])
  t.strictSame(said, ['kvm bios: ready: It is not ready.'])
})

t.test('notes errors of the system', async t => {
  const { recorder, fail } = record()
  await fail(Object.assign(new Error('connect refused'), { code: 'ECONNREFUSED' }))
  t.equal(recorder.checks[0]?.detail, 'ECONNREFUSED: connect refused')
})

t.test('masks secrets wherever they come from', async t => {
  const { recorder, said, fail } = record(['hunter2'])
  await fail(promiseBroken('The password hunter2 was refused'))
  t.equal(recorder.checks[0]?.detail, 'The password *** was refused.')
  t.notMatch(said.join(), 'hunter2')
})

t.test('lets through what says nothing about the artifact', async t => {
  const missing = toolMissing({ file: 'ssh', reason: 'x', hint: 'y' })
  t.equal(await failureOf(record().fail(missing)), missing)
  await t.rejects(record().fail(new TypeError('a bug')), new TypeError('a bug'))
  const { abort, fail } = record()
  abort.abort()
  t.equal((await failureOf(fail(promiseBroken('It went away')))).message, interrupted().message)
})

t.test('notes what was skipped, and why', async t => {
  const { recorder } = record()
  recorder.skip(['a', 'b'], '"ready" did not pass')
  t.match(recorder.checks, [{ name: 'a', status: 'skipped', detail: '"ready" did not pass' }, { name: 'b' }])
})
