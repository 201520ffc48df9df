/** guest-console: credentials that are whole or not, and a key that cannot be left. */
import t from 'tap'
import { join } from 'node:path'
import { leaveKey, readCredentials } from '../../pipeline/stages/guest-console.js'
import { attachSerial } from '../../pipeline/tools/serial.js'
import { failureOf } from '../fixtures/failure.js'
import { socketPair } from '../fixtures/socket-pair.js'

/** A console that shows the first text at once, and each further one after something was typed. */
async function guest(directory: string, texts: readonly string[]) {
  const { ours, theirs } = await socketPair()
  const typed: string[] = []
  const [first = '', ...rest] = texts
  theirs.write(first)
  theirs.on('data', data => {
    typed.push(String(data))
    theirs.write(rest.shift() ?? '')
  })
  return { serial: attachSerial(ours, join(directory, 'log')), typed, end: () => theirs.destroy() }
}

const invitation = 'Press Enter to see this copy\'s credentials.\r\n'
const block = (lines: string) => `--- credentials of this copy ---\r\n${lines}--- end of credentials ---\r\n`
const whole = 'user: evc\r\npassword: abc\r\napi: https://10.0.2.15:8443\r\napi-token: eyJ=\r\n'
const credentials = { user: 'evc', password: 'abc', api: 'https://10.0.2.15:8443', apiToken: 'eyJ=' }

t.test('presses Enter once invited, and reads the block', async t => {
  const { serial, typed, end } = await guest(t.testdir(), [invitation, block(whole)])
  t.strictSame(await readCredentials(serial, 2000), credentials)
  t.strictSame(typed, ['\r'])
  end()
})

t.test('reads around a message of the kernel', async t => {
  const { serial, end } = await guest(t.testdir(), [invitation, block(whole.replace('api:', '[ 12.5] kvm: hello\r\napi:'))])
  t.strictSame(await readCredentials(serial, 2000), credentials)
  end()
})

t.test('names what the block lacks', async t => {
  const { serial, end } = await guest(t.testdir(), [invitation, block('user: evc\r\npassword: \r\napi: x\r\n')])
  const error = await failureOf(readCredentials(serial, 2000))
  t.equal(error.message, 'The credentials shown on the serial console lack: password, api-token.')
  end()
})

t.test('does not type into a console that does not invite', async t => {
  const { serial, typed, end } = await guest(t.testdir(), ['ciab login: '])
  const error = await failureOf(readCredentials(serial, 300))
  t.equal(error.message, 'The virtual machine did not show the invitation to press Enter within 0 s.')
  t.strictSame(typed, [])
  end()
})

t.test('logs in, leaves the key, and sees that the line is a new visitor\'s after the log-out', async t => {
  const texts = ['ciab login: ', 'Password: ', '\r\nevc@ciab:~$ ', 'hostkey=AAAAC3Nz=\r\nevc@ciab:~$ ', invitation]
  const { serial, typed, end } = await guest(t.testdir(), texts)
  t.equal(await leaveKey(serial, { credentials, publicKey: 'ssh-ed25519 KEY x', timeoutMs: 2000 }), 'AAAAC3Nz=')
  t.strictSame(typed.map(text => text.slice(0, 24)), ['evc\r', 'abc\r', 'mkdir -p -m 700 ~/.ssh &', 'exit\r'])
  t.match(typed[2], 'echo \'ssh-ed25519 KEY x\' >>~/.ssh/authorized_keys')
  end()
})

t.test('says that the password was not taken', async t => {
  const { serial, end } = await guest(t.testdir(), ['ciab login: ', 'Password: ', 'Login incorrect\r\nciab login: '])
  const error = await failureOf(leaveKey(serial, { credentials, publicKey: 'x', timeoutMs: 300 }))
  t.match(error.message, /did not show a shell prompt after the log-in/)
  t.strictSame(error.details.slice(-3), ['after the last key it showed, without secrets:', '| Login incorrect', '| ciab login:'])
  end()
})

t.test('what the console showed instead has no secrets in it', async t => {
  const { serial, end } = await guest(t.testdir(), ['ciab login: ', 'Password: ', '\r\nuser: evc\r\npassword: swordfish\r\napi-token: eyJabcd=\r\n'])
  const shown = { ...credentials, password: 'swordfish', apiToken: 'eyJabcd=' }
  const error = await failureOf(leaveKey(serial, { credentials: shown, publicKey: 'x', timeoutMs: 300 }))
  t.strictSame(error.details.slice(-3), ['| user: evc', '| password: ***', '| api-token: ***'])
  end()
})

t.test('says that nothing more was shown', async t => {
  const { serial, end } = await guest(t.testdir(), ['ciab login: ', 'Password: '])
  const error = await failureOf(leaveKey(serial, { credentials, publicKey: 'x', timeoutMs: 300 }))
  t.equal(error.details.at(-1), 'after the last key it showed nothing more')
  end()
})
