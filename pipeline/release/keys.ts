/** Finds the keys: secret ones from a file, the agent or the environment, trusted public ones from files; none from a bucket. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { trustedKeyUnreadable } from '../errors/signature.js'
import type { Run } from '../tools/command.js'
import { bareSshKey, publicKeyOf, signText } from '../tools/signature.js'
import type { SecretKey, TrustedKeys } from '../tools/signature.js'
import { urlWords } from '../tools/url-secrets.js'
import type { Sign } from './seal.js'

export interface KeyOptions {
  /** Private SSH key file, or a .pub file whose private half is in the agent. */
  readonly signKey?: string
  /** Armoured secret OpenPGP key file. */
  readonly openpgpKey?: string
  /** Id of a secret OpenPGP key in the user's keyring. */
  readonly openpgpId?: string
}

/** Environment variables that hold a secret key as text. */
export const keyVariables = { ssh: 'PIPELINE_SIGN_KEY', openpgp: 'PIPELINE_OPENPGP_KEY' } as const

type Environment = Readonly<Record<string, string | undefined>>

/** Options win over the environment. */
export function secretKeys({ signKey, openpgpKey, openpgpId }: KeyOptions, env: Environment): readonly SecretKey[] {
  const agentSocket = env['SSH_AUTH_SOCK']
  const home = env['GNUPGHOME']
  const ssh: SecretKey[] = signKey
    ? [{ kind: 'ssh', file: signKey, ...(agentSocket ? { agentSocket } : {}) }]
    : textKey('ssh', env[keyVariables.ssh])
  const openpgp: SecretKey[] = openpgpKey
    ? [{ kind: 'openpgp', file: openpgpKey }]
    : openpgpId ? [{ kind: 'openpgp', id: openpgpId, ...(home ? { home } : {}) }] : textKey('openpgp', env[keyVariables.openpgp])
  return [...ssh, ...openpgp]
}

function textKey(kind: 'ssh' | 'openpgp', text: string | undefined): SecretKey[] {
  return text ? [kind === 'ssh' ? { kind, text } : { kind, text }] : []
}

/** Undefined without a key. */
export function signerOf(keys: readonly SecretKey[], run: Run): Sign | undefined {
  if (keys.length === 0) return undefined
  return text => Promise.all(keys.map(key => signText(text, key, run)))
}

/** Everything that no output may show. */
export function secretsOf(env: Environment): readonly string[] {
  const names = ['AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN', 'AWS_CONTAINER_AUTHORIZATION_TOKEN', ...Object.values(keyVariables)]
  return [...names.flatMap(name => env[name] ?? []), ...urlWords(env['PIPELINE_RELEASES'] ?? '')]
}

/** Public halves of what this command signs with: what it wrote itself before, it trusts. */
export async function ownPublicKeys(keys: readonly SecretKey[], run: Run): Promise<TrustedKeys> {
  const found = await Promise.all(keys.map(async key => [key.kind, await publicKeyOf(key, run)] as const))
  const of = (kind: SecretKey['kind']) => found.flatMap(([each, text]) => (each === kind ? [text] : []))
  return { ssh: of('ssh'), openpgp: of('openpgp') }
}

/** The keys of files, and of `folder` (the repository's keys/). Errors: `trusted-key-unreadable` (exit 2). */
export async function readTrustedKeys(files: readonly string[], folder?: string): Promise<TrustedKeys> {
  const names = folder === undefined ? [] : (await readdir(folder).catch(() => [])).filter(name => /\.pub$|\.asc$|^allowed_signers$/.test(name)).sort()
  const all = await Promise.all([...files, ...names.map(name => join(folder ?? '', name))].map(readKeys))
  return joinKeys(all)
}

export function joinKeys(all: readonly TrustedKeys[]): TrustedKeys {
  return { ssh: [...new Set(all.flatMap(keys => keys.ssh))], openpgp: [...new Set(all.flatMap(keys => keys.openpgp))] }
}

async function readKeys(file: string): Promise<TrustedKeys> {
  const text = await readFile(file, 'utf8').catch((error: Error) => {
    throw trustedKeyUnreadable(file, error.message)
  })
  if (/PRIVATE KEY/.test(text)) throw trustedKeyUnreadable(file, 'it is a secret key, which belongs to nobody but the publisher')
  if (text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----')) return { ssh: [], openpgp: [text] }
  const lines = text.split('\n').map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
  const ssh = lines.flatMap(line => /(?:^|\s)((?:ssh-|ecdsa-|sk-)\S+ [A-Za-z0-9+/=]{40,})/.exec(line)?.[1] ?? [])
  if (ssh.length === 0) throw trustedKeyUnreadable(file, 'it holds none')
  return { ssh: ssh.map(bareSshKey), openpgp: [] }
}
