/** What in a URL must stay secret, and how that and its host are told from other words in a search. */
import { leastNeedleLength } from './needles.js'

/** The password, or the user where that stands alone (a token): as it is written and decoded. Empty for what is no URL. */
export function urlWords(url: string): readonly string[] {
  if (!URL.canParse(url)) return []
  const { username, password } = new URL(url)
  const word = password || username
  return [...new Set([word, decode(word)])].filter(each => each !== '')
}

/** An address as it may be shown: user and password masked, also in what is no URL for want of a scheme. */
export function maskedUrl(text: string): string {
  if (URL.canParse(text) && new URL(text).host !== '') return text.replace(/^([a-z0-9+.-]+:\/\/)[^/?#]*@/i, '$1***@')
  return text.replace(/^([a-z0-9+.-]+:\/\/)?.*@/is, '$1***@')
}

/** A URL without user and password, and the `Authorization` that carries them instead; absent where there are none. */
export function splitLogin(address: string): { readonly url: string; readonly authorization?: string } {
  const url = new URL(address)
  const login = `${decode(url.username)}:${decode(url.password)}`
  url.username = ''
  url.password = ''
  return { url: url.href, ...(login === ':' ? {} : { authorization: `Basic ${Buffer.from(login).toString('base64')}` }) }
}

/** As urlWords, to be searched for: a word too short to be told from others comes with what stands around it. */
export function urlNeedles(url: string): readonly string[] {
  return urlWords(url).map(word => {
    if (word.length >= leastNeedleLength) return word
    const { protocol, username, password, host } = new URL(url)
    return `${protocol}//${password === '' ? '' : `${username}:`}${word}@${host}`
  })
}

/**
 * The host as it can be searched for: a name without a dot is an ordinary word (`debian`), so it is looked for as
 * URLs have it. Undefined for loopback without a port, which stands in every image, and for what is no URL.
 */
export function hostNeedle(url: string): string | undefined {
  if (!URL.canParse(url)) return undefined
  const { protocol, host } = new URL(url)
  if (host === '' || everywhere.includes(host)) return undefined
  if (/[.:]/.test(host) && host.length >= leastNeedleLength) return host
  const inUrl = `//${host}/`
  return inUrl.length >= leastNeedleLength ? inUrl : `${protocol}${inUrl}`
}

const everywhere = ['localhost', '127.0.0.1', '[::1]']

/** The proxies that programs take from an environment, as URLs; curl and apt read a missing scheme as http. */
export function environmentProxies(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const values = Object.entries(env)
    .filter(([name, value]) => /_proxy$/i.test(name) && !/^no_proxy$/i.test(name) && value)
    .map(([, value = '']) => (/^[a-z0-9+]+:\/\//i.test(value) ? value : `http://${value}`))
  return [...new Set(values)].filter(value => URL.canParse(value))
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
