import t from 'tap'
import { html, trusted } from '../../pipeline/release/html.js'

t.test('every value is escaped but HTML made here', t => {
  const name = `<b onclick="x('y')">&`
  t.equal(html`<p title="${name}">${name}</p>`.text, '<p title="&lt;b onclick=&quot;x(&#39;y&#39;)&quot;&gt;&amp;">&lt;b onclick=&quot;x(&#39;y&#39;)&quot;&gt;&amp;</p>')
  t.equal(html`<ul>${[1, 2].map(each => html`<li>${each}</li>`)}</ul>${undefined}${trusted('<hr>')}`.text, '<ul><li>1</li>\n<li>2</li></ul><hr>')
  t.end()
})
