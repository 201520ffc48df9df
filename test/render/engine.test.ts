/** Templates that cannot be read, and text that must be JSON. */
import t from 'tap'
import { PipelineError, formatError } from '../../pipeline/errors/pipeline-error.js'
import { renderFile, renderJson, renderTemplate } from '../../pipeline/render/engine.js'

function faultOf(act: () => unknown): string {
  try {
    act()
  } catch (error) {
    if (error instanceof PipelineError) return formatError(error)
    throw error
  }
  return 'none'
}

t.test('a template with a syntax error names file and line', async t => {
  const cases: Record<string, string> = {
    'a\n{{#if x}}\nb': 'error: a.hbs:3: the template ends inside a block or tag',
    'a\n{{x': 'error: a.hbs:2: this is no valid tag',
    'a {{#if x}}{{/each}}': "error: a.hbs:1: if doesn't match each",
    'a\n\n{{else}}': 'error: a.hbs:3: this is no valid tag',
  }
  for (const [text, wanted] of Object.entries(cases)) {
    t.equal(
      faultOf(() => renderTemplate({ file: 'a.hbs', text, data: { x: 1 } })).split('\n')[0],
      wanted,
      JSON.stringify(text)
    )
  }
})

t.test('shows the spot of a syntax error', async t => {
  t.equal(
    faultOf(() => renderTemplate({ file: 'a.hbs', text: 'one\ntwo {{x}\n', data: { x: 1 } })),
    'error: a.hbs:2: this is no valid tag\n  two {{x}'
  )
})

t.test('escapes nothing by itself', async t => {
  t.equal(renderTemplate({ file: 'a.hbs', text: '{{x}}', data: { x: '<a href="b">&\'' } }), '<a href="b">&\'')
})

t.test('reads a template from a folder', async t => {
  const root = t.testdir({ templates: { 'a.hbs': 'on {{host}}' } })
  t.equal(await renderFile({ root, file: 'templates/a.hbs', data: { host: 'box' } }), 'on box')
  await t.rejects(renderFile({ root, file: 'templates/b.hbs', data: {} }), {
    message: 'Could not read the template templates/b.hbs: ENOENT.',
    hint: 'Is this a whole copy of the project? git status shows missing files.',
    exitCode: 2,
  })
  await t.rejects(renderFile({ root, file: 'templates/a.hbs', data: { hos: 1 } }), {
    message: 'templates/a.hbs:1: unknown value "host"',
    hint: 'Did you mean "hos"?',
  })
})

t.test('gives rendered JSON as data', async t => {
  const text =
    '{"name": {{json name}}, "list": [{{#each list}}{{json this}}{{#unless @last}}, {{/unless}}{{/each}}]}'
  t.same(renderJson({ file: 'a.json.hbs', text, data: { name: 'a "b"\n', list: [1, null, 'x'] } }), {
    name: 'a "b"\n',
    list: [1, null, 'x'],
  })
})

t.test('says where rendered text is no JSON', async t => {
  t.equal(
    faultOf(() => renderJson({ file: 'a.json.hbs', text: '{\n  "a": 1\n  "b": {{b}}\n}\n', data: { b: 2 } })),
    [
      "error: a.json.hbs: the rendered text is no JSON: line 3 of it: Expected ',' or '}' after property value. " +
        '(Values go in as {{json value}}, without quotes around it.)',
      '2:   "a": 1',
      '3:   "b": 2',
      '4: }',
    ].join('\n  ')
  )
  t.match(
    faultOf(() => renderJson({ file: 'a.json.hbs', text: '{"a":', data: {} })),
    'error: a.json.hbs: the rendered text is no JSON: line 1 of it: it ends too early.'
  )
})
