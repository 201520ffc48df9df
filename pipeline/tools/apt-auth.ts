/** The logins in this host's apt configuration: apt sends them, so they must be nowhere in an image. */
import { readFile, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { leastNeedleLength } from './needles.js'

export interface AptLogins {
  /** Lines of an apt.conf that name the files: a bootstrap, whose apt is configured anew, must be told of them. */
  readonly options: readonly string[]
  /** Passwords, and users that stand alone (tokens); one too short to be told from other words, as the file has it. */
  readonly secrets: readonly string[]
}

export const aptFolder = '/etc/apt'

/** Reads auth.conf and auth.conf.d. What this user may not read is no use to its apt either, so it counts as absent. */
export async function readAptLogins(folder = aptFolder): Promise<AptLogins> {
  const [file, parts] = [join(folder, 'auth.conf'), join(folder, 'auth.conf.d')]
  const names = (await readdir(parts).catch(() => [])).filter(name => /^[\w.-]+$/.test(name)).sort()
  const texts = await Promise.all([file, ...names.map(name => join(parts, name))].map(path => readFile(path, 'utf8').catch(() => '')))
  const secrets = [...new Set(texts.flatMap(secretsIn))]
  const options = secrets.length > 0 ? [`Dir::Etc::netrc "${file}";`, `Dir::Etc::netrcparts "${parts}";`] : []
  return { options, secrets }
}

/** `machine HOST login USER password WORD`, over as many lines as the writer liked; `#` begins a comment. */
export function secretsIn(text: string): readonly string[] {
  const words = text.split('\n').flatMap(line => line.replace(/(^|\s)#.*$/, '').split(/\s+/)).filter(word => word !== '')
  return words.join(' ').split(/(?:^|\s)machine\s/).flatMap(entry => {
    const login = /\slogin (\S+)/.exec(entry)?.[1]
    const password = /\spassword (\S+)/.exec(entry)?.[1]
    const word = password ?? login
    if (word === undefined) return []
    const whole = password === undefined ? `login ${word}` : `login ${login ?? ''} password ${word}`
    return [word.length < leastNeedleLength ? whole : word]
  })
}
