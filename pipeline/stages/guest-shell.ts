/** Runs scripts in a booted appliance over SSH, with its host key pinned and a key made for this boot alone. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command, Run } from '../tools/command.js'

export interface VisitKey {
  /** Path of the private half. */
  readonly path: string
  /** One line. */
  readonly publicKey: string
}

/** Errors: those of Run. */
export async function makeVisitKey(directory: string, run: Run): Promise<VisitKey> {
  const path = join(directory, 'visit-key')
  await run(['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'verification', '-f', path], { reason: 'look inside booted artifacts' })
  return { path, publicKey: (await readFile(`${path}.pub`, 'utf8')).trim() }
}

export interface ShellAccess {
  readonly run: Run
  /** On 127.0.0.1. */
  readonly port: number
  readonly directory: string
  readonly keyPath: string
  /** The guest's ed25519 host key, base64, as read at its console. */
  readonly hostKey: string
  readonly user: string
  readonly password: string
  /** For one script, ms. */
  readonly timeoutMs: number
}

export interface GuestShell {
  /** Runs a bash script as root, through sudo with the password. Returns its stdout. Errors: those of Run. */
  asRoot(script: string): Promise<string>
  /** Runs a bash script as the user. */
  asUser(script: string): Promise<string>
  /** Runs a bash script as another user who lets the same key in. */
  as(user: string, script: string): Promise<string>
  /** The ways to log in that the guest offers this user, e.g. `publickey`. */
  offeredMethods(user: string): Promise<string>
}

export async function openShell(access: ShellAccess): Promise<GuestShell> {
  const knownHosts = join(access.directory, 'known_hosts')
  await writeFile(knownHosts, `[127.0.0.1]:${access.port} ssh-ed25519 ${access.hostKey}\n`)
  const options = { timeoutMs: access.timeoutMs, secrets: [access.password], reason: 'look inside booted artifacts' }
  const ssh = (user: string, extra: readonly string[], remote: string): Command => [
    'ssh', '-F', 'none', '-p', String(access.port), '-i', access.keyPath,
    ...[
      'BatchMode=yes', 'IdentitiesOnly=yes', 'StrictHostKeyChecking=yes', 'HostKeyAlgorithms=ssh-ed25519',
      `UserKnownHostsFile=${knownHosts}`, 'GlobalKnownHostsFile=/dev/null', 'ConnectTimeout=30', ...extra,
    ].flatMap(option => ['-o', option]),
    '--', `${user}@127.0.0.1`, remote,
  ]
  const as = async (user: string, script: string) => (await access.run(ssh(user, [], 'bash -eu'), { ...options, input: `${script}\n` })).stdout
  return {
    as,
    asRoot: async script => {
      // sudo takes the first line, bash the rest; -k: asked even if it was given a moment ago.
      const input = `${access.password}\n${script}\n`
      return (await access.run(ssh(access.user, [], 'sudo -k -S -p "" bash -eu'), { ...options, input })).stdout
    },
    asUser: script => as(access.user, script),
    offeredMethods: async user => {
      const command = ssh(user, ['PreferredAuthentications=none', 'PubkeyAuthentication=no'], 'true')
      const { stderr } = await access.run(command, { ...options, okCodes: [0, 255] })
      return /Permission denied \(([^)]*)\)/.exec(stderr)?.[1] ?? `an unknown answer: ${stderr.trim()}`
    },
  }
}
