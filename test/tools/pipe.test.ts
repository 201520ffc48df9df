/** Real pipes between small real programs. */
import t from 'tap'
import { PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { createRunPiped } from '../../pipeline/tools/pipe.js'
import { groupIsRunning } from '../../pipeline/tools/process.js'

const groups: number[] = []
const runPiped = createRunPiped({
  signal: new AbortController().signal,
  parentEnv: process.env,
  graceMs: 300,
  onSpawn: ({ pid }) => void groups.push(pid),
})

function sh(text: string) {
  return { command: ['sh', '-c', text] as const }
}

async function failureOf(promise: Promise<unknown>): Promise<PipelineError> {
  try {
    await promise
  } catch (error) {
    if (error instanceof PipelineError) return error
    throw error
  }
  throw new Error('did not fail')
}

t.test('carries more than fits into memory bounds, and gives the result of the reader', async t => {
  const lines: string[] = []
  const result = await runPiped(
    { command: ['head', '-c', '200000000', '/dev/zero'] },
    { command: ['wc', '-c'], options: { onLine: line => lines.push(line) } }
  )
  t.equal(result.stdout.trim(), '200000000')
  t.same(lines, ['200000000'])
  t.ok(process.memoryUsage().rss < 300 * 1024 * 1024)
})

t.test('is a real pipe', async t => {
  const { stdout } = await runPiped(sh('echo hello >/dev/stdout'), sh('test -p /dev/stdin && cat'))
  t.equal(stdout, 'hello\n')
})

t.test('reports the writer when the writer fails', async t => {
  const error = await failureOf(runPiped(sh('echo part; echo no mirror >&2; exit 9'), { command: ['cat'] }))
  t.equal(error.message, '"sh" ended with exit code 9.')
  t.equal(error.details.at(-1), '| no mirror')
})

t.test('reports the writer when the reader fails because of it', async t => {
  const error = await failureOf(runPiped(sh('exit 9'), sh('cat; sleep 0.2; exit 5')))
  t.equal(error.message, '"sh" ended with exit code 9.')
})

t.test('reports the reader when the writer only found the pipe closed', async t => {
  const error = await failureOf(
    runPiped({ command: ['cat', '/dev/zero'] }, sh('exec <&-; sleep 0.3; echo disk full >&2; exit 5'))
  )
  t.equal(error.message, '"sh" ended with exit code 5.')
  t.equal(error.details.at(-1), '| disk full')
})

t.test('ends a writer that would never notice that its reader failed', async t => {
  const started = Date.now()
  const error = await failureOf(runPiped({ command: ['sleep', '60'] }, sh('exit 5')))
  t.equal(error.message, '"sh" ended with exit code 5.')
  t.ok(Date.now() - started < 10_000)
})

t.test('reports a missing program at either end', async t => {
  t.equal((await failureOf(runPiped({ command: ['no-such-writer'] }, { command: ['cat'] }))).code, 'tool-missing')
  const error = await failureOf(runPiped({ command: ['sleep', '60'] }, { command: ['no-such-reader'] }))
  t.equal(error.message, 'Could not find "no-such-reader", needed to run this command.')
})

t.test('none of these left a process behind', async t => {
  t.ok(groups.length > 0)
  t.notOk(groups.some(groupIsRunning))
})
