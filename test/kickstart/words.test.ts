/** Splitting and quoting words by the rules of Anaconda's reader. */
import t from 'tap'
import { quoteWord, splitWords } from '../../pipeline/kickstart/words.js'

const split: Readonly<Record<string, readonly string[]>> = {
  'part / --size=1': ['part', '/', '--size=1'],
  '  lang\tC.UTF-8  ': ['lang', 'C.UTF-8'],
  [`user --gecos="It's me"`]: ['user', "--gecos=It's me"],
  [`a '' ""`]: ['a', '', ''],
  [`'a b'"c d"e`]: ['a bc de'],
  [`"a\\"b\\\\c\\d"`]: ['a"b\\c\\d'],
  [`'a\\b'`]: ['a\\b'],
  'a\\ b': ['a b'],
  'rootpw x # why': ['rootpw', 'x'],
  // shlex ends a word at an unquoted #, which shells do not.
  'rootpw x#y': ['rootpw', 'x'],
  [`rootpw 'x#y'`]: ['rootpw', 'x#y'],
  '# only this': [],
  '': [],
}

for (const [line, words] of Object.entries(split)) {
  t.test(`splits ${JSON.stringify(line)}`, async t => t.same(splitWords(line), { words }))
}

t.test('names what is wrong with a line that cannot be split', async t => {
  t.same(splitWords(`user --gecos="open`), { problem: 'the quote " is not closed' })
  t.same(splitWords(`user --gecos='open`), { problem: "the quote ' is not closed" })
  t.same(splitWords('lang C\\'), { problem: 'a backslash ends the line' })
})

t.test('reads every quoted word back unchanged', async t => {
  const words = [
    '',
    'plain',
    'a b',
    `it's`,
    '"',
    '\\',
    '#',
    '$HOME',
    '`id`',
    '$(id)',
    `'"\\'`,
    '-n',
    '*',
    '~',
    'ä',
    '!x',
    'a;b&c|d',
  ]
  t.same(splitWords(words.map(quoteWord).join(' ')), { words })
})
