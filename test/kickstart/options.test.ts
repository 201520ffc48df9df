/** Reading the options of one line by a table. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { readWords } from '../../pipeline/kickstart/options.js'

const table = {
  takes: [0, 1],
  options: {
    '--utc --isUtc': 'flag',
    '--size': 'int',
    '--name': 'value required',
    '--onboot': 'boolean',
    '--groups': 'list',
    '--trust': 'repeat',
    '--proto': 'value dhcp|static',
    '--old': 'value deprecated',
    '--reformat': 'optional',
  },
} as const

function read(...words: string[]) {
  return readWords({ place: 'x.ks:1', subject: 'thing', words, table })
}

function problems(...words: string[]): string[] {
  return read(...words).problems.map(formatOneLine)
}

t.test('reads both forms of a value, other names and lists', async t => {
  const { values, words, deprecated } = read(
    '--name=a=b',
    '--size',
    '12',
    '--isUtc',
    '--groups=a,b',
    '--groups',
    'c',
    'rest',
    '--trust=x,y',
    '--old=1'
  )
  t.equal(values.value('--name'), 'a=b')
  t.equal(values.number('--size'), 12)
  t.equal(values.flag('--utc'), true)
  t.equal(values.flag('--onboot'), false)
  t.equal(values.number('--missing'), undefined)
  t.same(values.list('--groups'), ['a', 'b', 'c'])
  t.same(values.list('--trust'), ['x,y'])
  t.same(words, ['rest'])
  t.same(deprecated, ['--old'])
})

t.test('where the last value counts, an option given twice is told and no problem', async t => {
  const twice = readWords({ place: 'x.ks:1', subject: 'thing', words: ['--name=n', '--name=m', '--groups=a', '--groups=b'], table, lastCounts: true })
  t.same(twice.problems, [])
  t.same(twice.repeated, ['--name'])
  t.equal(twice.values.value('--name'), 'm')
  t.same(twice.values.list('--groups'), ['a', 'b'])
})

t.test('an option that has a successor is told with it', async t => {
  const old = { options: { '--old-name': 'value superseded=--new-name', '--new-name': 'value' } }
  t.same(readWords({ place: 'x.ks:1', subject: 'thing', words: ['--old-name=a'], table: old }).superseded, { '--old-name': '--new-name' })
  t.same(readWords({ place: 'x.ks:1', subject: 'thing', words: ['--new-name=a'], table: old }).superseded, {})
})

t.test('a value that may be left out is empty then', async t => {
  t.equal(read('--name=n', '--reformat').values.value('--reformat'), '')
  t.equal(read('--name=n', '--reformat=xfs').values.value('--reformat'), 'xfs')
})

const wrong: Readonly<Record<string, readonly [words: readonly string[], problem: string]>> = {
  'a missing option': [[], 'x.ks:1: thing needs --name. (Add --name.)'],
  'an unknown option': [
    ['--name=n', '--sise=1'],
    'x.ks:1: thing has no option "--sise". (Did you mean "--size"?)',
  ],
  'an option without its value': [['--name'], 'x.ks:1: --name has no value. (Write --name=VALUE.)'],
  'an option that takes the next one for its value': [
    ['--name=n', '--proto', '--utc'],
    'x.ks:1: --proto has no value. (Write --proto=VALUE.)',
  ],
  'a flag with a value': [
    ['--name=n', '--utc=yes'],
    'x.ks:1: --utc takes no value, and has "yes". (Write --utc alone.)',
  ],
  'a word for a number': [
    ['--name=n', '--size=1G'],
    'x.ks:1: --size=1G is no whole number. (Write --size=NUMBER.)',
  ],
  'a word that is neither yes nor no': [
    ['--name=n', '--onboot=2'],
    'x.ks:1: --onboot=2 is neither yes nor no. (Write --onboot=yes or --onboot=no.)',
  ],
  'a value that is no choice': [
    ['--name=n', '--proto=ppp'],
    'x.ks:1: --proto=ppp is not one of its values. (Values: dhcp, static.)',
  ],
  'an option given twice': [
    ['--name=n', '--name=m'],
    'x.ks:1: --name is given twice. (Keep one of the two.)',
  ],
  'too many words': [
    ['--name=n', 'a', 'b'],
    'x.ks:1: thing takes 0 to 1 arguments besides options, and this line has "a", "b". (Put a value with blanks in quotes.)',
  ],
}

for (const [what, [words, problem]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t => {
    const found = problems(...words)
    t.equal(found[0], problem)
    t.equal(found.includes(problem), true)
  })
}
