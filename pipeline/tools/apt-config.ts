/** The proxies in this host's apt configuration: a bootstrap, whose apt is configured anew, must be told of them. */
import type { Run } from './command.js'

export interface AptProxies {
  /** Lines of an apt.conf, each as `Acquire::http::Proxy "URL";`. */
  readonly options: readonly string[]
  /** The URLs in them. */
  readonly urls: readonly string[]
}

/** Asks apt, so that every file of its configuration counts. Errors: those of Run. */
export async function askAptProxies(run: Run): Promise<AptProxies> {
  const { stdout } = await run(['apt-config', 'dump', '--format', '%f\t%v%n', 'Acquire'], { reason: "read apt's proxies" })
  const rows = stdout
    .split('\n')
    .map(line => line.split('\t'))
    .filter(([key = '', value = '']) => proxyKey.test(key) && value !== '')
  return {
    options: rows.map(([key, value]) => `${key} "${value}";`),
    urls: [...new Set(rows.map(([, value = '']) => value))].filter(url => URL.canParse(url)),
  }
}

/** For all hosts, or for one: `Acquire::http::Proxy::HOST`, where DIRECT means none. */
const proxyKey = /^Acquire::https?::Proxy(::[^:]+)?$/i
