/** Detached signatures by stock programs: `ssh-keygen -Y` and OpenPGP's `gpg`. Each works in a private folder that is removed. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PipelineError } from '../errors/pipeline-error.js'
import { exitCodes } from '../errors/exit-codes.js'
import { signKeyUnusable } from '../errors/signature.js'
import type { Run } from './command.js'

export type SignatureKind = 'ssh' | 'openpgp'

export interface Signature {
  readonly kind: SignatureKind
  /** Armoured text: `-----BEGIN SSH SIGNATURE-----`, `-----BEGIN PGP SIGNATURE-----`. */
  readonly text: string
}

/** What every SSH signature of ours is bound to: one made for another purpose (git, a file) is none of ours. */
export const sshNamespace = 'appliance-release'
/** The name that keys have in allowed_signers. */
export const sshIdentity = 'release'

/** Where a secret key is; never the key itself, which must not be an argument. */
export type SecretKey =
  /** A private key file, or a public one whose private half is in the agent. */
  | { readonly kind: 'ssh'; readonly file: string; readonly agentSocket?: string }
  /** A private key as text, from the environment. */
  | { readonly kind: 'ssh'; readonly text: string }
  /** An armoured secret key file, its text, or the id of one in the user's own keyring. */
  | { readonly kind: 'openpgp'; readonly file: string }
  | { readonly kind: 'openpgp'; readonly text: string }
  | { readonly kind: 'openpgp'; readonly id: string; readonly home?: string }

export interface TrustedKeys {
  /** Lines `ssh-ed25519 AAAA...`, without options and names. */
  readonly ssh: readonly string[]
  /** Armoured public keys. */
  readonly openpgp: readonly string[]
}

/** Errors: `sign-key-unusable` (exit 3), `tool-missing` (exit 3). */
export async function signText(text: string, key: SecretKey, run: Run): Promise<Signature> {
  return await inPrivateFolder(async folder => {
    const sign = key.kind === 'ssh' ? signSsh : signOpenpgp
    try {
      return { kind: key.kind, text: await sign(text, key as never, folder, run) }
    } catch (error) {
      throw explain(error, key)
    }
  })
}

/** Tries a key, so that one of no use is told before hours of work. Errors: those of `signText`. */
export async function tryKey(key: SecretKey, run: Run): Promise<void> {
  await publicKeyOf(key, run)
  await signText('a try', key, run)
}

/** The kind of the signature's key is trusted and the signature fits: true. Errors: `tool-missing` (exit 3). */
export async function verifyText(text: string, signature: Signature, trusted: TrustedKeys, run: Run): Promise<boolean> {
  const keys = trusted[signature.kind]
  if (keys.length === 0) return false
  return await inPrivateFolder(folder =>
    signature.kind === 'ssh' ? verifySsh(text, signature, keys, folder, run) : verifyOpenpgp(text, signature, keys, folder, run)
  )
}

/** The file that `ssh-keygen -Y verify -f` reads. */
export function allowedSigners(keys: readonly string[]): string {
  return keys.map(key => `${sshIdentity} namespaces="${sshNamespace}" ${key}\n`).join('')
}

/** The public half of a secret key, as readers get it. Errors: `sign-key-unusable`, `tool-missing` (exit 3). */
export async function publicKeyOf(key: SecretKey, run: Run): Promise<string> {
  return await inPrivateFolder(async folder => {
    try {
      if (key.kind === 'ssh') return await sshPublicKey(key, folder, run)
      return await withGpgHome(key, folder, run, async (gpg, id) => (await gpg(['--armor', '--export', ...id])).stdout)
    } catch (error) {
      throw explain(error, key)
    }
  })
}

type SshKey = Extract<SecretKey, { kind: 'ssh' }>
type OpenpgpKey = Extract<SecretKey, { kind: 'openpgp' }>

async function signSsh(text: string, key: SshKey, folder: string, run: Run): Promise<string> {
  const file = await sshKeyFile(key, folder)
  const { stdout } = await run(['ssh-keygen', '-q', '-Y', 'sign', '-n', sshNamespace, '-f', file], {
    input: text, env: agentEnvironment(key), timeoutMs: signTimeoutMs, reason: 'sign the release',
  })
  return stdout
}

/** Without a terminal and with this, ssh-keygen fails for a key with a passphrase instead of asking for it. */
function agentEnvironment(key: SshKey): Record<string, string> {
  const socket = 'file' in key ? key.agentSocket : undefined
  return { SSH_ASKPASS_REQUIRE: 'never', ...(socket ? { SSH_AUTH_SOCK: socket } : {}) }
}

const signTimeoutMs = 60_000

/**
 * OpenSSH refuses a key without a line break at its end, or with CRLF; secrets of CI systems, and files made of them, often
 * are so. A file that is right stays where it is: its rights are checked, and its public half may lie beside it.
 */
async function sshKeyFile(key: SshKey, folder: string): Promise<string> {
  const text = 'file' in key ? await readFile(key.file, 'utf8') : key.text
  if ('file' in key && !isDamagedKey(text)) return key.file
  const file = join(folder, 'key')
  await writeFile(file, `${text.replaceAll('\r', '').trim()}\n`, { mode: 0o600 })
  return file
}

function isDamagedKey(text: string): boolean {
  return text.includes('PRIVATE KEY') && (text.includes('\r') || !text.endsWith('\n'))
}

async function sshPublicKey(key: SshKey, folder: string, run: Run): Promise<string> {
  const file = await sshKeyFile(key, folder)
  const known = await readFile(file, 'utf8').catch(() => '')
  if (/^(ssh|ecdsa|sk-)\S+ [A-Za-z0-9+/=]+/.test(known)) return bareSshKey(known)
  const { stdout } = await run(['ssh-keygen', '-y', '-P', '', '-f', file], { timeoutMs: signTimeoutMs, reason: 'sign the release' })
  return bareSshKey(stdout)
}

/** Type and key, without the comment. */
export function bareSshKey(line: string): string {
  return line.trim().split(/\s+/).slice(0, 2).join(' ')
}

async function verifySsh(text: string, signature: Signature, keys: readonly string[], folder: string, run: Run): Promise<boolean> {
  const [signers, file] = [join(folder, 'allowed_signers'), join(folder, 'signature')]
  await writeFile(signers, allowedSigners(keys))
  await writeFile(file, signature.text)
  const { exitCode } = await run(
    ['ssh-keygen', '-q', '-Y', 'verify', '-f', signers, '-I', sshIdentity, '-n', sshNamespace, '-s', file],
    { input: text, okCodes: [0, 1, 255], timeoutMs: signTimeoutMs, reason: 'check signatures' }
  )
  return exitCode === 0
}

type Gpg = (args: readonly string[], input?: string, okCodes?: readonly number[]) => ReturnType<Run>

async function signOpenpgp(text: string, key: OpenpgpKey, folder: string, run: Run): Promise<string> {
  return await withGpgHome(key, folder, run, async (gpg, id) => {
    const user = id.flatMap(name => ['--local-user', name])
    return (await gpg([...user, '--armor', '--digest-algo', 'SHA256', '--detach-sign', '--output', '-'], text)).stdout
  })
}

/** A home of its own for a key from a file or text; the user's own for one named by id. */
async function withGpgHome<Value>(
  key: OpenpgpKey,
  folder: string,
  run: Run,
  work: (gpg: Gpg, id: readonly string[]) => Promise<Value>
): Promise<Value> {
  if ('id' in key) return await work(gpgIn(key.home, run), [key.id])
  const gpg = gpgIn(folder, run)
  try {
    await gpg(['--import'], 'file' in key ? await readFile(key.file, 'utf8') : key.text)
    return await work(gpg, [])
  } finally {
    // The agent that gpg has started would outlive its home.
    await run(['gpgconf', '--homedir', folder, '--kill', 'all'], { okCodes: [0, 1, 2], reason: 'sign the release' })
  }
}

function gpgIn(home: string | undefined, run: Run): Gpg {
  const fixed = ['--batch', '--no-tty', '--pinentry-mode', 'error', '--no-auto-key-retrieve', ...(home ? ['--homedir', home] : [])]
  return (args, input, okCodes = [0]) =>
    run(['gpg', ...fixed, ...args], {
      ...(input === undefined ? {} : { input }), okCodes, timeoutMs: signTimeoutMs, reason: 'sign or check by OpenPGP',
    })
}

async function verifyOpenpgp(text: string, signature: Signature, keys: readonly string[], folder: string, run: Run): Promise<boolean> {
  const gpg = gpgIn(folder, run)
  await gpg(['--import'], keys.join('\n'))
  const file = join(folder, 'signature')
  await writeFile(file, signature.text)
  // The exit code alone is 0 for an expired key, too.
  const { stdout, exitCode } = await gpg(['--status-fd', '1', '--verify', file, '-'], text, [0, 1, 2])
  return exitCode === 0 && /^\[GNUPG:\] GOODSIG /m.test(stdout) && /^\[GNUPG:\] VALIDSIG /m.test(stdout)
}

async function inPrivateFolder<Value>(work: (folder: string) => Promise<Value>): Promise<Value> {
  const folder = await mkdtemp(join(tmpdir(), 'pipeline-sign-'))
  try {
    return await work(folder)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

function explain(error: unknown, key: SecretKey): unknown {
  const place = 'file' in key ? key.file : 'id' in key ? key.id : 'the environment'
  if (error instanceof PipelineError) return error.exitCode === exitCodes.stage ? signKeyUnusable(key.kind, place, error.details) : error
  const { code, message } = error as NodeJS.ErrnoException
  return code === undefined ? error : signKeyUnusable(key.kind, place, [message])
}
