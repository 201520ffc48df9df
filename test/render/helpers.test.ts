/** The template helpers: what they print and what they refuse. */
import t from 'tap'
import { renderTemplate } from '../../pipeline/render/engine.js'

function render(text: string, value: unknown): string {
  return renderTemplate({ file: 'a.hbs', text, data: { value, other: 'x' } })
}

t.test('json prints any value so that it reads back the same', async t => {
  for (const value of ['a "b" \\ \n', 3, true, null, ['a', 1], { a: { b: null } }, '']) {
    t.same(JSON.parse(render('{{json value}}', value)), value, JSON.stringify(value))
  }
})

t.test('xml escapes what would end text or attribute', async t => {
  t.equal(render('<a b="{{xml value}}"/>', `<&>"'`), '<a b="&lt;&amp;&gt;&quot;&apos;"/>')
  t.equal(render('{{xml value}}', 7), '7')
})

t.test('sh makes one word of it', async t => {
  t.equal(render('{{sh value}}', `it's $(HOME) "x"\n`), `'it'\\''s $(HOME) "x"\n'`)
  t.equal(render('{{sh value}}', ''), "''")
})

t.test('ps makes one word of PowerShell of it, typographic quotes included', async t => {
  t.equal(render('{{ps value}}', `it's $(1) "x" \u2019`), `'it''s $(1) "x" \u2019\u2019'`)
})

t.test('eq compares without conversion', async t => {
  const text = '{{#if (eq value "1")}}yes{{else}}no{{/if}}'
  t.equal(render(text, '1'), 'yes')
  t.equal(render(text, 1), 'no')
})

t.test('refuses values that cannot be printed that way', async t => {
  const cases: Record<string, [text: string, value: unknown]> = {
    'a.hbs:1: xml takes a single value, not a list or group': ['{{xml value}}', ['a']],
    'a.hbs:1: xml: the value holds a control character, which XML cannot carry': ['{{xml value}}', 'a\u0007'],
    'a.hbs:1: sh takes a single value, not a list or group': ['{{sh value}}', {}],
    'a.hbs:1: sh: the value holds a NUL character, which no shell word can carry': ['{{sh value}}', 'a\0b'],
    'a.hbs:1: ps: the value holds a control character': ['{{ps value}}', 'a\nb'],
    'a.hbs:2: json takes one value, found 2': ['\n{{json value other}}', 1],
    'a.hbs:1: json takes one value, found 0': ['{{json}}', 1],
    'a.hbs:1: eq takes 2 values, found 1': ['{{#if (eq value)}}{{/if}}', 1],
    'a.hbs:1: sh takes no named values': ['{{sh value quote="x"}}', 1],
  }
  for (const [message, [text, value]] of Object.entries(cases)) {
    t.throws(() => render(text, value), { code: 'template-helper-use', message })
  }
})
