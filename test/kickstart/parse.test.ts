/** Reading kickstarts into a tree, and everything that can be wrong with their form. */
import t from 'tap'
import { formatError, PipelineError } from '../../pipeline/errors/pipeline-error.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'

function parse(text: string, files: Readonly<Record<string, string>> = {}) {
  const readInclude = (path: string) => {
    const found = files[path]
    if (found === undefined) throw Object.assign(new Error('gone'), { code: 'ENOENT' })
    return found
  }
  return parseKickstart(text, { file: 'box/box.ks', readInclude })
}

function failure(text: string, files: Readonly<Record<string, string>> = {}): string {
  try {
    parse(text, files)
  } catch (error) {
    if (error instanceof PipelineError) return formatError(error)
    throw error
  }
  return 'no error'
}

t.test('keeps commands and sections in order, with places', async t => {
  const tree = parse(`# a comment
lang C.UTF-8 # why

%packages --excludedocs
a
# kept
%end
poweroff
`)
  const at = (line: number) => ({ file: 'box/box.ks', line })
  t.same(tree, {
    file: 'box/box.ks',
    nodes: [
      { kind: 'command', name: 'lang', words: ['C.UTF-8'], place: at(2) },
      {
        kind: 'section',
        name: '%packages',
        words: ['--excludedocs'],
        lines: [
          { text: 'a', place: at(5) },
          { text: '# kept', place: at(6) },
        ],
        place: at(4),
      },
      { kind: 'command', name: 'poweroff', words: [], place: at(8) },
    ],
  })
})

t.test('takes the lines of a script as they are', async t => {
  const [post] = parse('%post\n  echo "open\n%notasection\n\n%end').nodes
  t.same(post?.kind === 'section' && post.lines.map(line => line.text), [
    '  echo "open',
    '%notasection',
    '',
  ])
})

t.test('an indented %end closes its section, and an indented %include is one, as newer Anaconda reads them', async t => {
  const [packages, text] = parse('%packages\n  %include more\n\t%end # here\ntext\n', { more: 'a\n  %include most\n', most: 'b' }).nodes
  t.match(packages, {
    name: '%packages',
    lines: [{ text: 'a' }, { text: 'b' }],
    indented: [{ place: { line: 2 } }, { place: { file: 'box/more', line: 2 } }, { text: '\t%end # here', place: { line: 3 } }],
  })
  t.match(text, { name: 'text' })
  t.equal(failure('%pre\n  %post\n%end\n'), 'error: box/box.ks:1: %pre has no %end. (Close the section with a line %end.)')
  t.equal(
    failure('%post\n%include a.sh\n%end\n', { 'a.sh': ' %end\n' }),
    'error: box/a.sh:1: %end closes no section. (Take the line out, or open the section it was meant for in the same file.)'
  )
})

t.test('in a script for RHEL 6 and 7 an indented %end, %include or section is text, as their Anaconda reads it', async t => {
  const text = '%post\ncat >next.ks <<END\n  %packages\n  %include gone\n  %end\nEND\n%end\n'
  const readInclude = () => { throw new Error('nothing is included') }
  for (const release of ['RHEL6', 'RHEL7'] as const) {
    const [section, ...more] = parseKickstart(text, { file: 'x.ks', readInclude, release }).nodes
    t.same(more, [])
    t.same(section?.kind === 'section' && section.lines.map(line => line.text), text.split('\n').slice(1, 6))
    t.throws(() => parseKickstart('%post\n %end\n', { file: 'x.ks', readInclude, release }), {
      message: 'x.ks:1: %post has no %end.', hint: 'Begin the %end of x.ks:2 in the first column: Anaconda of this release looks nowhere else.',
    })
    t.match(parseKickstart('%packages\na\n %end\n', { file: 'x.ks', readInclude, release }).nodes, [{ lines: [{ text: 'a' }] }], 'a list of packages has no text')
  }
  t.throws(() => parseKickstart(text, { file: 'x.ks', readInclude, release: 'RHEL8' }))
})

t.test('reads files with carriage returns', async t => {
  t.same(
    parse('lang C.UTF-8\r\n%post\r\nx\r\n%end\r\n').nodes.map(node => node.name),
    ['lang', '%post']
  )
})

t.test('puts included files in place, with their own lines', async t => {
  const tree = parse('lang C.UTF-8\n%include parts/disk.ks\n%post\n%include hello.sh\n%end\n', {
    'parts/disk.ks': '\nreqpart\n%include more.ks\n',
    'more.ks': 'zerombr',
    'hello.sh': 'echo hello',
  })
  t.same(
    tree.nodes.map(({ name, place }) => [name, place.file, place.line]),
    [
      ['lang', 'box/box.ks', 1],
      ['reqpart', 'box/parts/disk.ks', 2],
      ['zerombr', 'box/more.ks', 1],
      ['%post', 'box/box.ks', 3],
    ]
  )
  const post = tree.nodes[3]
  t.same(post?.kind === 'section' && post.lines, [
    { text: 'echo hello', place: { file: 'box/hello.sh', line: 1 } },
  ])
})

const wrong: Readonly<Record<string, readonly [text: string, error: string]>> = {
  'a section that is not closed': [
    'lang C.UTF-8\n%post\necho\n',
    'error: box/box.ks:2: %post has no %end. (Close the section with a line %end.)',
  ],
  'a section that begins inside another one': [
    '%pre\necho\n%post\n%end\n',
    'error: box/box.ks:1: %pre has no %end. (Close the section with a line %end.)',
  ],
  '%end without a section': [
    '%end\n',
    'error: box/box.ks:1: %end closes no section. (Take the line out, or open the section it was meant for in the same file.)',
  ],
  'an unknown section': [
    '%pots\nanything "goes\n%end\n',
    'error: box/box.ks:1: there is no section "%pots". (Did you mean "%post"?)',
  ],
  'a section for other sites to append': [
    '%ksappend http://mirror.example/x.ks\n%end\n',
    'error: box/box.ks:1: there is no section "%ksappend". (Sections: %addon, %anaconda, %certificate, %onerror, %packages, %post, %pre, %pre-install, %traceback.)',
  ],
  'an unknown command': [
    'netwrok --bootproto=dhcp\n',
    'error: box/box.ks:1: there is no command "netwrok". (Did you mean "network"?)',
  ],
  'a shell line outside a section': [
    'systemctl enable x\n',
    'error: box/box.ks:1: there is no command "systemctl". (A line outside a section is a kickstart command; shell lines go into %pre or %post.)',
  ],
  'an open quote': [
    `user --gecos='me\n`,
    "error: box/box.ks:1: the quote ' is not closed. (Put a value with blanks, quotes or # in single quotes.)",
  ],
  'an include without a file': [
    '%include\n',
    'error: box/box.ks:1: %include names no file. (Write %include <file>, relative to the kickstart.)',
  ],
  'an included file that is missing': [
    'text\n%include /tmp/made-by-pre.ks\n',
    'error: box/box.ks:2: could not read the included file /tmp/made-by-pre.ks: ENOENT. (Included files are read before anything runs: one that %pre would write cannot be included.)',
  ],
}

for (const [what, [text, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t => t.equal(failure(text), error))
}

t.test('an included path may be quoted, inside a section as outside', async t => {
  const tree = parse(`%include 'my parts.ks'\n%post\n%include "hello there.sh" # why\n%end\n`, {
    'my parts.ks': 'text\n', 'hello there.sh': 'echo\n',
  })
  t.match(tree.nodes, [{ name: 'text' }, { name: '%post', lines: [{ text: 'echo', place: { file: 'box/hello there.sh', line: 1 } }] }])
  t.equal(
    failure(`%post\n%include 'a.sh\n%end\n`),
    "error: box/box.ks:2: the quote ' is not closed. (Put a value with blanks, quotes or # in single quotes.)"
  )
})

t.test('names the lines of the text that this one was made from', async t => {
  const read = { text: 'lang C.UTF-8\n%post\n%include a.sh\n%end\n', numbers: [3, 7, 8, 9] }
  const tree = parseKickstart(read, { file: 'box.ks', readInclude: () => ({ text: 'one\ntwo\n', numbers: [2, 2] }) })
  t.match(tree.nodes, [
    { place: { line: 3 } },
    { place: { line: 7 }, lines: [{ place: { file: 'a.sh', line: 2 } }, { place: { file: 'a.sh', line: 2 } }] },
  ])
})

t.test('refuses files that include each other', async t => {
  t.equal(
    failure('%include a.ks\n', { 'a.ks': 'text\n%include b.ks\n', 'b.ks': '%include a.ks\n' }),
    'error: box/b.ks:1: files include each other: box/box.ks -> box/a.ks -> box/b.ks -> box/a.ks. (Take out one of these %include lines.)'
  )
})

t.test('refuses an included file that ends the section around it', async t => {
  t.equal(
    failure('%post\n%include a.sh\n%end\n', { 'a.sh': 'echo\n%end\n' }),
    'error: box/a.sh:2: %end closes no section. (Take the line out, or open the section it was meant for in the same file.)'
  )
})

t.test('reports all problems at once', async t => {
  t.equal(
    failure('lnag C\n%end\n%post\n'),
    `error: 3 problems:
  box/box.ks:1: there is no command "lnag". (Did you mean "lang"?)
  box/box.ks:2: %end closes no section. (Take the line out, or open the section it was meant for in the same file.)
  box/box.ks:3: %post has no %end. (Close the section with a line %end.)`
  )
})
