/** Problems that were collected, and how they are shown. */
import t from 'tap'
import { exitCodes } from '../../pipeline/errors/exit-codes.js'
import { formatError, joinProblems, PipelineError } from '../../pipeline/errors/pipeline-error.js'

const problem = (message: string) => new PipelineError({ code: 'x', message, hint: 'do it', exitCode: exitCodes.usage })

t.test('one problem stays itself, several come as a list', async t => {
  t.equal(formatError(joinProblems([problem('a.')])), 'error: a. (do it)')
  t.equal(formatError(joinProblems([problem('a.'), problem('b.')])), 'error: 2 problems:\n  a. (do it)\n  b. (do it)')
  t.throws(() => joinProblems([]), TypeError)
})

t.test('lists that are joined again lose nothing', async t => {
  const joined = joinProblems([joinProblems([problem('a.'), problem('b.')]), problem('c.')])
  t.equal(formatError(joined), 'error: 3 problems:\n  a. (do it)\n  b. (do it)\n  c. (do it)')
})
