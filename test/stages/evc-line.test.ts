/** evc-line: reads the appliance's states, fails at once when the appliance does. */
import t from 'tap'
import { join } from 'node:path'
import { parseEvcLine, waitReady } from '../../pipeline/stages/evc-line.js'
import { attachSerial } from '../../pipeline/tools/serial.js'
import { failureOf } from '../fixtures/failure.js'
import { socketPair } from '../fixtures/socket-pair.js'

t.test('reads an EVC line, also behind a prompt, and nothing else', async t => {
  t.strictSame(parseEvcLine('EVC {"state":"ready","address":"10.0.2.15"}\r'), { state: 'ready', address: '10.0.2.15' })
  t.strictSame(parseEvcLine('box login: EVC {"state":"cloud"}'), { state: 'cloud' })
  t.equal(parseEvcLine('EVC {"state":"rea[   12.3] kernel: hello'), undefined)
  t.equal(parseEvcLine('EVC {"state":"rea[ 1.2] x"dy"}'), undefined)
  t.equal(parseEvcLine('EVC {"version":"1"}'), undefined)
  t.equal(parseEvcLine('the state is ready'), undefined)
})

async function wait(directory: string, text: string, timeoutMs = 2000, patienceMs = timeoutMs) {
  const { ours, theirs } = await socketPair()
  const serial = attachSerial(ours, join(directory, 'log'))
  const states: string[] = []
  theirs.write(text)
  const waiting = waitReady(serial, { timeoutMs, patienceMs, onState: ({ state }) => states.push(state) })
  return { waiting, states, vm: theirs }
}

t.test('goes through the states until ready', async t => {
  const text = 'noise\nEVC {"state":"booting"}\r\nEVC {"broken\nEVC {"state":"cloud"}\r\n\nEVC {"state":"ready","nested":"kvm"}\r\n'
  const { waiting, states, vm } = await wait(t.testdir(), text)
  t.match(await waiting, { state: 'ready', nested: 'kvm' })
  t.strictSame(states, ['booting', 'cloud', 'ready'])
  vm.destroy()
})

t.test('fails at once with step, reason and last lines when the appliance failed', async t => {
  const text = 'starting\nEVC {"state":"failed","step":"40-cloud","reason":"no free subnet"}\n'
  const { waiting, vm } = await wait(t.testdir(), text)
  const error = await failureOf(waiting)
  t.equal(error.message, 'The appliance\'s set-up failed at step "40-cloud": no free subnet.')
  t.equal(error.exitCode, 5)
  t.strictSame(error.details.slice(0, 2), ['last lines of its serial console:', '| starting'])
  vm.destroy()
})

t.test('says how far it came when it is not ready in time', async t => {
  const { waiting, vm } = await wait(t.testdir(), 'EVC {"state":"network"}\n', 1000)
  const error = await failureOf(waiting)
  t.match(error.message, /^The virtual machine did not show state "ready" \(it showed "network"\) within 1 s\.$/)
  vm.destroy()
})

t.test('a first state has all the time there is, the next one only its own', async t => {
  const { waiting, vm } = await wait(t.testdir(), '', 60_000, 200)
  setTimeout(() => vm.write('EVC {"state":"booting"}\n'), 600)
  const error = await failureOf(waiting)
  t.match(error.message, /^The virtual machine did not show state "ready" \(it showed "booting"\) within /)
  vm.destroy()
})

for (const sign of ['Kernel panic - not syncing: VFS: no root', '(initramfs)', 'You are in emergency mode', 'Cannot open access to console, the root account is locked.', 'Shell>']) {
  t.test(`does not wait for a machine that shows ${sign}`, async t => {
    const { waiting, vm } = await wait(t.testdir(), `EVC {"state":"booting"}\nmount: failed\n${sign} `)
    const error = await failureOf(waiting)
    t.equal(error.message, `The virtual machine does not boot: it shows "${sign}".`)
    t.match(error.details, ['last lines of its serial console:', '| EVC {"state":"booting"}', '| mount: failed'])
    vm.destroy()
  })
}
