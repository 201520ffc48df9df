/** .vmx files: keys without regard to case, each once, escapes undone. */
import t from 'tap'
import { parseVmx } from '../../pipeline/tools/vmx.js'

t.test('reads keys and values, and undoes the escapes', async t => {
  const text = '.encoding = "UTF-8"\n\n# comment\nscsi0:0.fileName = "a b.vmdk"\nannotation = "say |22x|22|0Anow ||7C"\n'
  t.same([...parseVmx(text.replace('||7C', '|7C'), 'x.vmx')], [['.encoding', 'UTF-8'], ['scsi0:0.filename', 'a b.vmdk'], ['annotation', 'say "x"\nnow |']])
})

t.test('tells the line that is none, and the key that comes twice', async t => {
  t.throws(() => parseVmx('a = "1"\nb = 2\n', 'x.vmx'), { message: 'x.vmx is no .vmx file: line 2 is no key = "value": b = 2.', exitCode: 5 })
  t.throws(() => parseVmx('a = "1"\nA = "2"\n', 'x.vmx'), { message: 'x.vmx is no .vmx file: line 2 sets A a second time.' })
})
