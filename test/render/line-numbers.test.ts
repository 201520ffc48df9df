/** Every line of a rendered text is traced to the template's line that it was written in. */
import t from 'tap'
import { renderMapped, renderTemplate } from '../../pipeline/render/engine.js'

const data = { yes: true, no: false, list: ['a', 'b'], one: 'ONE', two: 'l1\nl2' }

/** Each line of the rendered text behind its number. */
function numbered(text: string): string[] {
  const { text: rendered, numbers } = renderMapped({ file: 'a.hbs', text, data })
  t.equal(rendered, renderTemplate({ file: 'a.hbs', text, data }), 'the text is the same as without numbers')
  return rendered.split('\n').map((line, at) => `${numbers[at]} ${line}`)
}

const cases: Readonly<Record<string, { text: string; lines: readonly string[] }>> = {
  'plain text': { text: 'a\n\nb', lines: ['1 a', '2 ', '3 b'] },
  'values within lines and at their start': { text: 'a {{one}}\n{{one}}\n{{one}} b', lines: ['1 a ONE', '2 ONE', '3 ONE b'] },
  'tags that stand alone': {
    text: 'a\n{{#if yes}}\nb\n{{/if}}\nc\n{{#if no}}\nd\n{{else}}\ne\n{{/if}}\n{{one}}',
    lines: ['1 a', '3 b', '5 c', '9 e', '11 ONE'],
  },
  'a branch that is not taken, and comments': {
    text: '{{#if no}}\na\nb\n{{/if}}\n{{! one\n two }}\nc {{!-- three --}} d\ne',
    lines: ['7 c  d', '8 e'],
  },
  'a loop': { text: '{{#each list}}\n- {{this}}\n\n{{/each}}\nend', lines: ['2 - a', '3 ', '2 - b', '3 ', '5 end'] },
  'blocks within a line': { text: 'a\n{{#if yes}}b{{/if}}{{#if no}}c{{/if}}d\ne', lines: ['1 a', '2 bd', '3 e'] },
  'a value of several lines': { text: 'a {{two}} b\nc', lines: ['1 a l1', '1 l2 b', '2 c'] },
  'white space taken off by tags': { text: 'a\n\n{{~one~}}\n\n b\nc', lines: ['1 aONEb', '6 c'] },
}

for (const [what, { text, lines }] of Object.entries(cases)) {
  t.test(`counts ${what}`, async t => t.same(numbered(text), lines))
}
