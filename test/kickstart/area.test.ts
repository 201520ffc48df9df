/** Areas of a kickstart: joined in order, and lines of bash that say what was meant. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { kickstartValue } from '../../pipeline/errors/kickstart.js'
import { joinAreas, shellLine, systemFile } from '../../pipeline/kickstart/area.js'

const step = (what: string) => ({ place: 'box.ks:1', what, lines: ['true'] })
const problem = kickstartValue('box.ks:1', 'a problem', 'Solve it.')

t.test('joins areas in the given order and forgets no part of one', async t => {
  const joined = joinAreas([
    { steps: [step('one')], files: { 'system/a': 'A' } },
    {},
    { steps: [step('two'), step('three')], needs: [{ name: 'sudo', reason: 'x' }], problems: [problem] },
    { files: { 'system/b': 'B' }, needs: [{ name: 'tzdata', reason: 'y' }] },
  ])
  t.strictSame(joined, {
    steps: [step('one'), step('two'), step('three')],
    files: { 'system/a': 'A', 'system/b': 'B' },
    needs: [{ name: 'sudo', reason: 'x' }, { name: 'tzdata', reason: 'y' }],
    problems: [problem],
  })
  t.strictSame(joinAreas([]), { steps: [], files: {}, needs: [], problems: [] })
})

t.test('every word reaches the program as it is', async t => {
  const words = ['plain', '', "it's", '"quoted"', '$HOME', '`id`', 'a b', '*', '\\n', 'line\nbreak', '--', '~', '#', '!', ';']
  const line = shellLine('printf', '%s\\0', ...words)
  t.strictSame(execFileSync('bash', ['-c', line], { encoding: 'utf8' }).split('\0').slice(0, -1), words)
})

t.test('a file of the image is a text on the kickstart disk, and a line that puts it in place', async t => {
  t.strictSame(systemFile('etc/hostname', 'box\n'), { files: { 'system/etc/hostname': 'box\n' }, line: 'put_file 0644 etc/hostname' })
  t.strictSame(systemFile("etc/it's", '', '0600'), { files: { "system/etc/it's": '' }, line: "put_file 0600 'etc/it'\\''s'" })
})
