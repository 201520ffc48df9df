/** Masks secrets in text: as they are, and as they look in a URL. */
import { environmentProxies, urlWords } from './url-secrets.js'

const mask = '***'

/** Shorter strings would blank out ordinary words. */
const shortestSecret = 5

export interface Masker {
  (text: string): string
  /** Length of the longest form masked; text cut into pieces needs this much overlap. */
  readonly longest: number
}

/** A function that replaces every form of every secret by `***`. A secret of several lines is masked line by line. */
export function createMasker(secrets: readonly string[]): Masker {
  const forms = [...new Set(secrets.flatMap(secret => secret.split(/\r?\n/)).flatMap(formsOf))]
    .filter(form => form.length >= shortestSecret)
    .sort((a, b) => b.length - a.length)
  const replace = (text: string) => forms.reduce((left, form) => left.replaceAll(form, mask), text)
  return Object.assign(replace, { longest: forms[0]?.length ?? 0 })
}

function formsOf(secret: string): string[] {
  if (secret.length < shortestSecret) return []
  const encoded = encodeURIComponent(secret)
  const strict = encoded.replace(/[!'()*]/g, letter => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`)
  return [secret, encoded, strict, strict.replace(/%20/g, '+'), strict.replace(/%[0-9A-F]{2}/g, code => code.toLowerCase())]
}

/** The passwords and tokens in the proxy settings of an environment: tools print proxy URLs when they fail. */
export function proxyPasswords(env: Readonly<Record<string, string | undefined>>): string[] {
  return environmentProxies(env).flatMap(urlWords)
}
