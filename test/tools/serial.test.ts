/** serial: waiting for text, typing, the pause of the log, the end of the VM. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { attachSerial } from '../../pipeline/tools/serial.js'
import { failureOf } from '../fixtures/failure.js'
import { socketPair } from '../fixtures/socket-pair.js'

const soon = { timeoutMs: 2000, what: 'a prompt' }

async function open(directory: string) {
  const { ours, theirs } = await socketPair()
  const logFile = join(directory, 'serial.log')
  return { serial: attachSerial(ours, logFile), vm: theirs, log: () => readFileSync(logFile, 'utf8') }
}

t.test('finds a prompt that ends without a line end, and uses the text up', async t => {
  const { serial, vm } = await open(t.testdir())
  vm.write('Debian\r\nbox login: ')
  t.equal((await serial.waitFor(/(\w+) login: /, soon))[1], 'box')
  vm.end('again login: ')
  t.equal((await serial.waitFor(/(\w+) login: /, soon))[1], 'again')
  await serial.closed
})

t.test('finds what came before it was awaited, and what comes in pieces', async t => {
  const { serial, vm } = await open(t.testdir())
  vm.write('pass')
  await new Promise(resolve => setTimeout(resolve, 30))
  const found = serial.waitFor(/password:/, soon)
  vm.end('word:')
  t.equal((await found)[0], 'password:')
  await serial.closed
})

t.test('says what it waited for, how long, and shows the last lines without colours', async t => {
  const { serial, vm } = await open(t.testdir())
  vm.write('\u001b[32mstarting\u001b[0m\r\n\r\nold\rnew\r\n')
  const error = await failureOf(serial.waitFor(/never/, { timeoutMs: 1000, what: 'a prompt' }))
  t.equal(error.message, 'The virtual machine did not show a prompt within 1 s.')
  t.strictSame(error.details, ['last lines of its serial console:', '| starting', '| new'])
  vm.end()
  await serial.closed
})

t.test('fails at once when the VM ends', async t => {
  const { serial, vm } = await open(t.testdir())
  const waiting = failureOf(serial.waitFor(/never/, soon))
  vm.end()
  const error = await waiting
  t.equal(error.message, 'The virtual machine ended while waiting for a prompt.')
  t.strictSame(error.details, ['its serial console showed nothing'])
  t.equal((await failureOf(serial.waitFor(/x/, soon))).code, 'vm-ended')
})

t.test('keeps out of the log and of errors what comes while it is paused', async t => {
  const { serial, vm, log } = await open(t.testdir())
  const lines: string[] = []
  serial.onLine(line => lines.push(line))
  vm.write('before\n')
  await serial.waitFor(/before\n/, soon)
  serial.pauseLog()
  vm.write('password: hunter2\n')
  await serial.waitFor(/hunter2\n/, soon)
  serial.resumeLog()
  vm.end('after\n')
  await serial.closed
  t.equal(log(), 'before\n[not kept: credentials were shown here]\nafter\n')
  t.strictSame(serial.lastLines(), ['before', 'after'])
  t.strictSame(lines, ['before', 'password: hunter2', 'after'])
})

t.test('keeps only the newest lines for errors', async t => {
  const { serial, vm } = await open(t.testdir())
  vm.end(Array.from({ length: 60 }, (_, index) => `line ${index}\n`).join(''))
  await serial.closed
  t.equal(serial.lastLines().length, 25)
  t.equal(serial.lastLines().at(0), 'line 35')
  t.equal(serial.lastLines().at(-1), 'line 59')
})

t.test('types what it is told', async t => {
  const { serial, vm } = await open(t.testdir())
  const typed = new Promise<string>(resolve => vm.once('data', data => resolve(String(data))))
  serial.type('evc\r')
  t.equal(await typed, 'evc\r')
  vm.end()
  await serial.closed
  t.doesNotThrow(() => serial.type('into nothing'))
})
