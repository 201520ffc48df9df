/** XML is read strictly: order, namespaces, and one error with the place of the fault. */
import t from 'tap'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { elementsAt, findAll, parseXml, valuesByPath } from '../../pipeline/tools/xml.js'
import { failureOf } from '../fixtures/failure.js'

t.test('keeps order, text, attributes as written, and namespaces', async t => {
  const root = parseXml('<a xmlns="urn:a" xmlns:b="urn:b"><b:c b:d="1 &amp; 2">x</b:c><e/>y</a>', 'x.xml')
  t.equal(root.text, 'y')
  t.same(root.children.map(({ name, uri, text }) => [name, uri, text]), [['c', 'urn:b', 'x'], ['e', 'urn:a', '']])
  t.equal(root.children[0]?.attributes['b:d'], '1 & 2')
  t.same(findAll(root, 'c').map(({ name }) => name), ['c'])
})

t.test('finds elements by the path to them, and values by theirs', async t => {
  const root = parseXml('<a><b><c d="1">x</c></b><b><c>y</c><e><c>z</c></e></b></a>', 'x.xml')
  t.same(elementsAt(root, ['b', 'c']).map(({ text }) => text), ['x', 'y'])
  t.same(elementsAt(root, []), [root])
  t.same(valuesByPath(root), [['b', ''], ['b c', 'x'], ['b c d', '1'], ['b', ''], ['b c', 'y'], ['b e', ''], ['b e c', 'z']])
})

const faults: Readonly<Record<string, string>> = {
  '<a><b></a>': '1:10: unexpected close tag',
  '<a>&nothing;</a>': '1:12: undefined entity',
  '<a><x:b/></a>': '1:9: unbound namespace prefix: "x"',
  '': '1:0: document must contain a root element',
}

for (const [text, problem] of Object.entries(faults)) {
  t.test(`refuses "${text}"`, async t => {
    const error = await failureOf((async () => parseXml(text, 'x.xml'))())
    t.ok(formatError(error).startsWith(`error: x.xml is no well-formed XML: ${problem}`), formatError(error))
    t.equal(error.exitCode, 5)
  })
}
