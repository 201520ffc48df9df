/** qmp: negotiation, answers by id, refusals, the end of the VM. */
import t from 'tap'
import type { Socket } from 'node:net'
import { attachMonitor } from '../../pipeline/tools/qmp.js'
import { failureOf } from '../fixtures/failure.js'
import { socketPair } from '../fixtures/socket-pair.js'

/** Plays QEMU: answers each command with what `reply` makes of it; undefined hangs up. */
function playQemu(vm: Socket, reply: (command: string) => object | undefined): string[] {
  const commands: string[] = []
  vm.write('{"QMP":{"version":{},"capabilities":[]}}\r\n')
  vm.on('data', data => {
    for (const line of String(data).trim().split('\n')) {
      const { execute, id } = JSON.parse(line) as { execute: string; id: number }
      commands.push(execute)
      const answer = reply(execute)
      if (answer) vm.write(`{"event":"NOISE"}\r\n${JSON.stringify({ ...answer, id })}\r\n`)
      else vm.destroy()
    }
  })
  return commands
}

t.test('negotiates, then gives each answer to its command', async t => {
  const { ours, theirs } = await socketPair()
  const commands = playQemu(theirs, command => ({ return: { was: command } }))
  const monitor = attachMonitor(ours)
  const answers = await Promise.all([monitor.execute('query-status'), monitor.execute('system_powerdown')])
  t.strictSame(answers, [{ was: 'query-status' }, { was: 'system_powerdown' }])
  t.strictSame(commands, ['qmp_capabilities', 'query-status', 'system_powerdown'])
  theirs.destroy()
})

t.test('passes on why a command was refused', async t => {
  const { ours, theirs } = await socketPair()
  playQemu(theirs, () => ({ error: { class: 'GenericError', desc: 'no such device' } }))
  const error = await failureOf(attachMonitor(ours).execute('eject'))
  t.equal(error.message, 'QEMU refused the monitor command "eject": no such device.')
  theirs.destroy()
})

t.test('does not wait for the answer of a VM that is gone', async t => {
  const { ours, theirs } = await socketPair()
  playQemu(theirs, command => (command === 'quit' ? undefined : { return: {} }))
  const monitor = attachMonitor(ours)
  const error = await failureOf(monitor.execute('quit'))
  t.equal(error.message, 'The virtual machine ended while waiting for its monitor\'s answer to "quit".')
  t.equal((await failureOf(monitor.execute('stop'))).code, 'vm-ended')
})
