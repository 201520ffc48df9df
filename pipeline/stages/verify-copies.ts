/** What makes a copy its own: collected in each boot of the same file, and compared between the boots. */
import { promiseBroken } from '../errors/verify.js'
import type { GuestShell } from './guest-shell.js'
import type { Credentials } from './guest-console.js'

/** Name -> value; kept in memory only. */
export type Identity = ReadonlyMap<string, string>

/** Prints `name=value` lines. Public halves and hashes only. */
const script = `
echo "machine id=$(cat /etc/machine-id)"
for key in /etc/ssh/ssh_host_*_key.pub; do echo "SSH host key \${key##*/}=$(cut -d' ' -f2 "$key")"; done
for cert in /var/lib/incus/*.crt /home/*/.config/incus/client.crt /etc/pki/tls/certs/eucaconsole.crt /var/lib/eucalyptus/keys/cloud-cert.pem; do
  [ ! -e "$cert" ] || echo "certificate $cert=$(sha256sum <"$cert")"
done
`

/** Errors: those of Run, `promise-broken` (exit 5) when something is missing. */
export async function collectIdentity(shell: GuestShell, credentials: Credentials, fingerprint: string): Promise<Identity> {
  const lines = (await shell.asRoot(script)).split('\n').filter(line => line.includes('='))
  const pairs = lines.map(line => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1).trim()] as const
  })
  const identity = new Map([
    ...pairs,
    ['password', credentials.password],
    ['api-token', credentials.apiToken],
    ['certificate of the API', fingerprint],
  ])
  const empty = [...identity].filter(([, value]) => value === '').map(([name]) => name)
  if (empty.length > 0) throw promiseBroken(`This copy has no ${empty.join(', no ')}`)
  if (!pairs.some(([name]) => name.startsWith('SSH host key'))) throw promiseBroken('This copy has no SSH host keys')
  return identity
}

/** Names of all values, when each differs in each pair of copies. Errors: `promise-broken` (exit 5) with those that do not. */
export function compareCopies(copies: readonly Identity[]): string[] {
  const names = [...new Set(copies.flatMap(copy => [...copy.keys()]))]
  const lacking = names.filter(name => copies.some(copy => !copy.has(name)))
  if (lacking.length > 0) throw promiseBroken(`Not every copy has: ${lacking.join(', ')}`)
  const shared = names.filter(name => {
    const values = copies.flatMap(copy => copy.get(name) ?? [])
    return new Set(values).size < values.length
  })
  if (shared.length > 0) throw promiseBroken(`Two copies share: ${shared.join(', ')}`)
  return names
}
