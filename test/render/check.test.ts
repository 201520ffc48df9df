/** Every position in which a template can name a value it does not have. */
import t from 'tap'
import { PipelineError, formatError } from '../../pipeline/errors/pipeline-error.js'
import { renderTemplate } from '../../pipeline/render/engine.js'

const data = {
  spec: { hostname: 'box', cpus: 2, none: null, params: {} },
  list: [
    { name: 'a', tags: ['x', 'y'] },
    { name: 'b', tags: [] },
  ],
  words: ['one', 'two'],
  empty: [],
  zero: 0,
  off: false,
}

function render(text: string): string {
  try {
    return renderTemplate({ file: 'a.hbs', text, data })
  } catch (error) {
    if (error instanceof PipelineError) return formatError(error)
    throw error
  }
}

t.test('an unknown value is a fault in any position', async t => {
  const near = (name: string, hint: string) => `error: a.hbs:1: unknown value "${name}" (${hint})`
  const meantHost = near('spec.hostnam', 'Did you mean "hostname"?')
  const cases: Record<string, string> = {
    '{{spec.hostnam}}': meantHost,
    '{{{spec.hostnam}}}': meantHost,
    '{{#if spec.hostnam}}a{{/if}}': meantHost,
    '{{#if off}}a{{else if spec.hostnam}}b{{/if}}': meantHost,
    '{{#unless spec.hostnam}}a{{/unless}}': meantHost,
    '{{#each spec.hostnam}}a{{/each}}': meantHost,
    '{{#with spec.hostnam}}a{{/with}}': meantHost,
    '{{json spec.hostnam}}': meantHost,
    '{{#if (eq spec.hostnam "x")}}a{{/if}}': meantHost,
    '{{#if off}}{{spec.hostnam}}{{/if}}': meantHost,
    '{{#if spec.hostname}}{{else}}{{spec.hostnam}}{{/if}}': meantHost,
    '{{^if spec.hostnam}}a{{/if}}': meantHost,
    '{{#each empty}}{{../spec.hostnam}}{{/each}}': near('../spec.hostnam', 'Did you mean "hostname"?'),
    '{{#each empty}}a{{else}}{{spec.hostnam}}{{/each}}': meantHost,
    '{{@root.spec.hostnam}}': near('@root.spec.hostnam', 'Did you mean "hostname"?'),
    '{{#each list}}{{nam}}{{/each}}': near('nam', 'Did you mean "name"?'),
    '{{#each list}}{{spec.hostname}}{{/each}}': near('spec.hostname', 'Known here: name, tags.'),
    '{{#each list as |item|}}{{item.nam}}{{/each}}': near('item.nam', 'Did you mean "name"?'),
    '{{#each words}}{{@indx}}{{/each}}': near('@indx', 'Did you mean "index"?'),
    '{{@index}}': near('@index', 'Known here: root.'),
    '{{#with spec}}{{hostnam}}{{/with}}': near('hostnam', 'Did you mean "hostname"?'),
    '{{#with spec}}{{../../zero}}{{/with}}': near('../../zero', 'Known here: none.'),
    '{{spec.cpus.count}}': near('spec.cpus.count', 'The name before its last dot is a single value.'),
    '{{constructor}}': near('constructor', 'Known here: spec, list, words, empty, zero, off.'),
    '{{words.[7]}}': near('words.7', 'Known here: none.'),
  }
  for (const [text, wanted] of Object.entries(cases)) t.equal(render(text), wanted, text)
})

t.test('null and groups of values are faults where they would be printed', async t => {
  const noValue =
    'error: a.hbs:1: "spec.none" has no value here (Give it one, or guard the line with {{#if spec.none}}.)'
  const cases: Record<string, string> = {
    '{{spec.none}}': noValue,
    '{{sh spec.none}}': noValue,
    '{{spec}}':
      'error: a.hbs:1: "spec" is not a single value (Name one of its values, or write {{json spec}}.)',
    '{{words}}':
      'error: a.hbs:1: "words" is not a single value (Name one of its values, or write {{json words}}.)',
    '{{#each words}}{{..}}{{/each}}':
      'error: a.hbs:1: ".." is not a single value (Name one of its values, or write {{json ..}}.)',
    '{{#each spec.hostname}}a{{/each}}':
      'error: a.hbs:1: each takes a list or group, "spec.hostname" is a single value',
  }
  for (const [text, wanted] of Object.entries(cases)) t.equal(render(text), wanted, text)
})

t.test('a value guarded against null is none, and neither is what lies below it', async t => {
  t.equal(render('{{#if spec.none}}{{spec.none}} {{sh spec.none}} {{spec.none.deep}}{{else}}-{{/if}}'), '-')
  t.equal(render('{{#with spec.none}}{{deep}}{{else}}-{{/with}}'), '-')
  t.equal(render('{{#unless spec.none}}-{{else}}{{spec.none}}{{/unless}}'), '-')
  t.equal(render('{{json spec.none}}'), 'null')
})

t.test('prints what Handlebars prints wherever it finds no fault', async t => {
  const cases: Record<string, string> = {
    '{{spec.hostname}} {{spec.cpus}} {{zero}} {{off}}': 'box 2 0 false',
    '{{#each words}}{{@index}}={{this}}{{#unless @last}}, {{/unless}}{{/each}}': '0=one, 1=two',
    '{{#each list}}{{name}}:{{#each tags}}{{../name}}{{@../index}}{{this}}{{else}}none{{/each}};{{/each}}':
      'a:a0xa0y;b:none;',
    '{{#each list as |item at|}}{{at}}{{item.name}}{{#each item.tags as |tag|}}{{item.name}}{{tag}}{{/each}}{{/each}}':
      '0aaxay1b',
    '{{#each spec.params}}a{{else}}none{{/each}}': 'none',
    '{{#with spec}}{{hostname}} {{../zero}} {{@root.off}}{{/with}}': 'box 0 false',
    '{{#with spec as |s|}}{{s.hostname}}{{/with}}': 'box',
    '{{#if zero}}a{{else}}b{{/if}}{{#if empty}}a{{else}}b{{/if}}{{#if spec.params}}a{{/if}}': 'bba',
    '{{#if (eq spec.cpus 2)}}two{{/if}}': 'two',
    '{{#each words}}{{#if @first}}{{this}} {{../zero}}{{/if}}{{/each}}': 'one 0',
    '{{#with this}}{{spec.hostname}}{{/with}}': 'box',
    '{{words.[1]}} {{words.length}} {{list.0.name}}': 'two 2 a',
    '{{#each list as |name|}}{{name.name}}{{./name}}{{/each}}': 'aabb',
    '{{!-- {{nothing}} --}}\\{{ .Kept }} <&>': '{{ .Kept }} <&>',
  }
  for (const [text, wanted] of Object.entries(cases)) t.equal(render(text), wanted, text)
})

t.test('names unknown helpers and what is not offered', async t => {
  const cases: Record<string, string> = {
    '{{jsn spec}}': 'error: a.hbs:1: unknown helper "jsn" (Did you mean "json"?)',
    '{{lookup spec "hostname"}}': 'error: a.hbs:1: unknown helper "lookup" (Helpers: json, xml, sh, ps, vmx, eq.)',
    '{{#words}}{{/words}}': 'error: a.hbs:1: unknown helper "#words" (Helpers: #if, #unless, #each, #with.)',
    '{{#eahc words}}{{/eahc}}': 'error: a.hbs:1: unknown helper "#eahc" (Did you mean "#each"?)',
    '{{> header}}': 'error: a.hbs:1: partials are not supported here (Write the text itself.)',
    '{{> (lookup spec "x")}}': 'error: a.hbs:1: partials are not supported here (Write the text itself.)',
    '{{#> layout}}x{{/layout}}': 'error: a.hbs:1: partials are not supported here (Write the text itself.)',
    '{{#*inline "x"}}y{{/inline}}':
      'error: a.hbs:1: decorators are not supported here (Write the text itself.)',
    '{{"text"}}': 'error: a.hbs:1: literals as output are not supported here (Write the text itself.)',
    '{{#if zero as |x|}}{{/if}}': 'error: a.hbs:1: if gives no names with "as"',
    '{{#if zero off}}{{/if}}': 'error: a.hbs:1: if takes one value, found 2',
    '{{#if zero includeZero=true}}{{/if}}': 'error: a.hbs:1: if takes no named values',
  }
  for (const [text, wanted] of Object.entries(cases)) t.equal(render(text), wanted, text)
})

t.test("says all faults at once with their lines, a loop's only once", async t => {
  t.equal(
    render('{{spec.a}}\n{{#each words}}\n{{nope.x}}\n{{/each}}\n{{zeros}}'),
    [
      'error: 3 problems:',
      'a.hbs:1: unknown value "spec.a" (Known here: hostname, cpus, none, params.)',
      'a.hbs:3: unknown value "nope.x" (The name before its last dot is a single value.)',
      'a.hbs:5: unknown value "zeros" (Did you mean "zero"?)',
    ].join('\n  ')
  )
})
