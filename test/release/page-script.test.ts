import t from 'tap'
import { Script } from 'node:vm'
import { pageScript } from '../../pipeline/release/page-script.js'

t.test('the script parses, asks nobody for anything and ends no element', t => {
  t.ok(new Script(pageScript))
  t.notMatch(pageScript, /fetch\(|XMLHttpRequest|https?:|import\(|<\//)
  t.end()
})
