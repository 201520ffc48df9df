/** YAML text to data and lines; every kind of broken YAML in the one form `file:line: problem`. */
import t from 'tap'
import { PipelineError, formatError } from '../../pipeline/errors/pipeline-error.js'
import { formatKey, parseSpecDocument } from '../../pipeline/spec/document.js'

function problemsOf(text: string): string {
  try {
    parseSpecDocument('a.yaml', text)
  } catch (error) {
    if (error instanceof PipelineError) return formatError(error)
    throw error
  }
  return 'none'
}

t.test('gives the data and the line of each key', async t => {
  const { data, place } = parseSpecDocument(
    'a.yaml',
    '# title\ntitle: x\nhardware:\n  cpus: 2\ntargets:\n  - kvm\n  - vmware\n'
  )
  t.same(data, { title: 'x', hardware: { cpus: 2 }, targets: ['kvm', 'vmware'] })
  t.equal(place(['title']), 'a.yaml:2')
  t.equal(place(['hardware', 'cpus']), 'a.yaml:4')
  t.equal(place(['hardware', 'diskGib']), 'a.yaml:3', 'a key that is not there has the line of its group')
  t.equal(place(['targets', 1]), 'a.yaml:7')
  t.equal(place(['family']), 'a.yaml:1')
  t.equal(place([]), 'a.yaml:1')
})

t.test('says what is wrong with broken YAML, and on which line', async t => {
  const cases: Record<string, string> = {
    'a: 1\nb: 2\na: 3\n': 'error: a.yaml:3: map keys must be unique',
    'a:\n\t- b\n': 'error: a.yaml:2: tabs are not allowed as indentation',
    'a: 1\nb: "\\q"\n': 'error: a.yaml:2: invalid escape sequence \\q',
    'a: !secret x\n': 'error: a.yaml:1: unresolved tag: !secret',
    '--- {a: 1}\n--- {a: 2}\n':
      'error: a.yaml:2: source contains multiple documents; please use YAML.parseAllDocuments()',
    'a: 1\n? [x]\n: 3\n': 'error: a.yaml:2: a key must be a plain word',
    '7: x\n': 'error: a.yaml:1: a key must be a plain word',
  }
  for (const [text, wanted] of Object.entries(cases)) t.equal(problemsOf(text), wanted, JSON.stringify(text))
})

t.test('refuses aliases, so none can blow up or turn in a circle', async t => {
  const refused = (line: number, name: string) =>
    `a.yaml:${line}: the alias *${name} is not supported here: write the value out`
  t.equal(problemsOf('a: &a [*a]\n'), `error: ${refused(1, 'a')}`)
  t.equal(problemsOf('a: *nowhere\n'), `error: ${refused(1, 'nowhere')}`)
  t.equal(
    problemsOf('a: &a [x]\nb: &b [*a, *a]\nc: [*b]\n'),
    ['error: 3 problems:', refused(2, 'a'), refused(2, 'a'), refused(3, 'b')].join('\n  ')
  )
})

t.test('writes a key as it is typed for --set', async t => {
  t.equal(formatKey(['hardware', 'cpus']), 'hardware.cpus')
  t.equal(formatKey(['targets', 1]), 'targets[1]')
})
