/** What a person does at the appliance's serial console: press Enter, read the credentials, log in, leave a key. */
import { PipelineError } from '../errors/pipeline-error.js'
import { withUnloggedLines } from '../errors/qemu.js'
import { promiseBroken } from '../errors/verify.js'
import { createMasker } from '../tools/mask.js'
import type { SerialConsole } from '../tools/serial.js'

export interface Credentials {
  readonly user: string
  readonly password: string
  /** `https://<address>:8443` */
  readonly api: string
  /** What lets its owner into the cloud. */
  readonly apiToken: string
}

/** The words by which an appliance names what lets one into its cloud. */
export interface CredentialWords {
  readonly api: string
  readonly apiToken: string
}

export const incusWords: CredentialWords = { api: 'api', apiToken: 'api-token' }

const invitation = /Press Enter to see this copy's credentials\./
const block = /--- credentials of this copy ---([\s\S]*?)--- end of credentials ---/

/**
 * Presses Enter and reads the credentials. The log stays paused: what follows shows secrets too, until
 * `leaveKey` has logged out. Errors: `vm-silent`, `vm-ended` (exit 4), `promise-broken` (5).
 */
export async function readCredentials(serial: SerialConsole, timeoutMs: number, words = incusWords): Promise<Credentials> {
  await serial.waitFor(invitation, { timeoutMs, what: 'the invitation to press Enter' })
  serial.pauseLog()
  serial.type('\r')
  const [, text = ''] = await serial.waitFor(block, { timeoutMs, what: 'the credentials' })
  return parseCredentials(text, words)
}

function parseCredentials(text: string, words: CredentialWords): Credentials {
  const value = (key: string) => new RegExp(`^${key}: (\\S+)\\s*$`, 'm').exec(text)?.[1] ?? ''
  const found = { user: value('user'), password: value('password'), api: value(words.api), apiToken: value(words.apiToken) }
  const shown = { user: found.user, password: found.password, [words.api]: found.api, [words.apiToken]: found.apiToken }
  const missing = Object.entries(shown).filter(([, text]) => text === '').map(([key]) => key)
  if (missing.length > 0) throw promiseBroken(`The credentials shown on the serial console lack: ${missing.join(', ')}`)
  return found
}

export interface KeyVisit {
  readonly credentials: Credentials
  /** One line of OpenSSH's form. */
  readonly publicKey: string
  readonly timeoutMs: number
}

/**
 * Logs in with the password, lets the key in for SSH, logs out. Returns the guest's own SSH host key (base64).
 * Errors: `vm-silent` with what the console showed instead, `vm-ended` (exit 4).
 */
export async function leaveKey(serial: SerialConsole, visit: KeyVisit): Promise<string> {
  try {
    return await logInAndOut(serial, visit)
  } catch (error) {
    throw withWhatCame(error, serial, visit.credentials)
  }
}

async function logInAndOut(serial: SerialConsole, visit: KeyVisit): Promise<string> {
  const { credentials, publicKey, timeoutMs } = visit
  await serial.waitFor(/login: $/, { timeoutMs, what: 'a log-in prompt' })
  serial.type(`${credentials.user}\r`)
  await serial.waitFor(/[Pp]assword: ?$/, { timeoutMs, what: 'the question for the password' })
  serial.type(`${credentials.password}\r`)
  await serial.waitFor(/[$#] $/, { timeoutMs, what: 'a shell prompt after the log-in' })
  // Written so that the echo of the command itself does not look like its output.
  const command = [
    'mkdir -p -m 700 ~/.ssh',
    `echo '${publicKey}' >>~/.ssh/authorized_keys`,
    'echo "host""key=$(cut -d" " -f2 /etc/ssh/ssh_host_ed25519_key.pub)"',
  ].join(' && ')
  serial.type(`${command}\r`)
  const [, hostKey = ''] = await serial.waitFor(/hostkey=(AAAA[\w+/=]+)\s/, { timeoutMs, what: 'its SSH host key' })
  serial.type('exit\r')
  // The line is a new visitor's again: this also shows that the credentials went away with us.
  await serial.waitFor(invitation, { timeoutMs, what: 'the invitation to press Enter after the log-out' })
  serial.resumeLog()
  return hostKey
}

const shownLines = 15

/** The log is paused: without these lines nobody could tell what became of the log-in. */
function withWhatCame(error: unknown, serial: SerialConsole, { password, apiToken }: Credentials): unknown {
  if (!(error instanceof PipelineError) || error.code !== 'vm-silent') return error
  return withUnloggedLines(error, serial.unmatchedLines().slice(-shownLines).map(createMasker([password, apiToken])))
}
