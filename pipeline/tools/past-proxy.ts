/** Tells why a request may have failed on a host behind a proxy: Node's own requests go past it. */
import { isIP } from 'node:net'

type Environment = Readonly<Record<string, string | undefined>>

/** What becomes of a connection where only the proxy has a way out. */
const withoutWay = ['ENOTFOUND', 'EAI_AGAIN', 'ECONNREFUSED', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']

/** `; ...`, to stand behind the reason of a failed request; empty where no proxy was left out. @param code of the system's error */
export function pastProxy(url: string, code: string, env: Environment = process.env): string {
  if (!withoutWay.includes(code) || !URL.canParse(url)) return ''
  const { protocol, hostname } = new URL(url)
  const names = [protocol.replace(':', '_proxy'), 'all_proxy']
  const name = names.flatMap(each => [each, each.toUpperCase()]).find(each => env[each])
  if (name === undefined || isLocal(hostname) || isExempt(hostname, env)) return ''
  return `; ${name} is set, and the pipeline's own requests do not go through a proxy: name a mirror that is reached without one, or a file that curl brought`
}

function isLocal(hostname: string): boolean {
  return hostname === 'localhost' || hostname === '[::1]' || (isIP(hostname) === 4 && hostname.startsWith('127.'))
}

function isExempt(hostname: string, env: Environment): boolean {
  const exempt = (env['no_proxy'] ?? env['NO_PROXY'] ?? '').split(',').map(each => each.trim().replace(/^\*?\./, ''))
  return exempt.some(each => each === '*' || (each !== '' && (hostname === each || hostname.endsWith(`.${each}`))))
}
