/** Reads the public keys that a reader trusts: from files named on the command line, or all of a folder `keys/`. Never from the tree. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { trustedKeyUnreadable } from '../errors/signature.js'
import type { TrustedKeys } from '../tools/signature.js'

export const noKeys: TrustedKeys = { ssh: [], openpgp: [] }

const keyFile = /(?:\.pub|\.asc|^allowed_signers)$/

/** Files named by the user. Errors: `trusted-key-unreadable` (exit 2). */
export async function readTrustedKeys(files: readonly string[]): Promise<TrustedKeys> {
  const texts = await Promise.all(files.map(async file => parseKeys(file, await readKey(file))))
  return { ssh: texts.flatMap(keys => keys.ssh), openpgp: texts.flatMap(keys => keys.openpgp) }
}

/** Every `*.pub`, `*.asc` and `allowed_signers` in the folder, which need not exist. Errors: `trusted-key-unreadable` (exit 2). */
export async function readKeyFolder(folder: string): Promise<TrustedKeys> {
  const names = await readdir(folder).catch(() => [])
  return await readTrustedKeys(names.filter(name => keyFile.test(name)).sort().map(name => join(folder, name)))
}

export function hasKeys({ ssh, openpgp }: TrustedKeys): boolean {
  return ssh.length + openpgp.length > 0
}

async function readKey(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    throw trustedKeyUnreadable(file, (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'it does not exist' : (error as Error).message)
  }
}

const sshKey = /(?:^|\s)((?:ssh|ecdsa|sk-ssh|sk-ecdsa)-\S+ AAAA[A-Za-z0-9+/]+=*)/

/** An armoured OpenPGP key, or lines of ssh-keygen's: `.pub` files and allowed_signers alike. */
function parseKeys(file: string, text: string): TrustedKeys {
  if (/-----BEGIN [A-Z ]*PRIVATE KEY/.test(text)) throw trustedKeyUnreadable(file, 'it is a secret key; the public one is beside it')
  if (text.includes('-----BEGIN PGP PUBLIC KEY BLOCK-----')) return { ssh: [], openpgp: [text] }
  const lines = text.split('\n').map(line => line.trim()).filter(line => line !== '' && !line.startsWith('#'))
  const ssh = lines.flatMap(line => sshKey.exec(line)?.[1] ?? [])
  if (ssh.length === 0 || ssh.length < lines.length) throw trustedKeyUnreadable(file, ssh.length === 0 ? 'there is none in it' : 'a line of it is none')
  return { ssh, openpgp: [] }
}
