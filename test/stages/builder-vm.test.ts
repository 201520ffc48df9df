import t from 'tap'
import { cleanSerial, packerSeconds, serialToFile } from '../../pipeline/stages/builder-vm.js'
import { escapeOption } from '../../pipeline/tools/qemu.js'

t.test('reads console output as a person saw it', async t => {
  const raw = '\u001b[0;32m  OK  \u001b[0m Started ssh\r\n\r\nold text\rnew text\r\n\u001b[6nlogin: '
  t.same(cleanSerial(raw), ['  OK   Started ssh', 'new text', 'login:'])
})

t.test('doubles commas in paths that become QEMU options', async t => {
  t.equal(escapeOption('/a,b/c'), '/a,,b/c')
  t.equal(serialToFile('/logs/x,y.log'), 'file,id=serial,path=/logs/x,,y.log')
})

t.test('scales time limits by the acceleration and writes them for Packer', async t => {
  t.equal(packerSeconds(600, { timeoutFactor: 1 }), '600s')
  t.equal(packerSeconds(600, { timeoutFactor: 6 }), '3600s')
})
