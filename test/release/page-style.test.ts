import t from 'tap'
import { pageStyle } from '../../pipeline/release/page-style.js'

t.test('the style asks nobody for anything, ends no element, and closes every brace', t => {
  t.notMatch(pageStyle, /url\(|@import|<\//)
  t.equal(pageStyle.split('{').length, pageStyle.split('}').length)
  t.end()
})

t.test('every colour that is used is set, for light and for dark', t => {
  const used = new Set([...pageStyle.matchAll(/var\((--[\w-]+)\)/g)].map(([, name = '']) => name))
  for (const name of used) t.equal(pageStyle.split(`${name}:`).length - 1, 2, name)
  t.end()
})
