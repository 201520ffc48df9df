/** Our own advice on a kickstart that Anaconda takes: passwords in plain text, and commands it would ask for. */
import type { ElRelease } from './releases.js'
import { formatPlace, installersLines } from './types.js'
import type { Kickstart, KickstartCommand } from './types.js'

/** Commands that carry a password: by option, or as the word that is no option. */
const passwords: Readonly<Record<string, string | undefined>> = {
  rootpw: undefined,
  sshpw: undefined,
  user: '--password',
  group: '--password',
  bootloader: '--password',
}

/** What an installation stops to ask for when the file does not say it. */
const expected: Readonly<Record<string, string>> = {
  rootpw: 'no rootpw: Anaconda asks for a password (rootpw --lock wants none)',
  bootloader: 'no bootloader: Anaconda chooses the disk to boot from (bootloader --location=mbr says it)',
}

/** As `file:line: sentence`; what the whole file lacks has its last line's place. */
export function adviceFor(tree: Kickstart, release: ElRelease): readonly string[] {
  const commands = tree.nodes.filter(node => node.kind === 'command')
  return [...commands.flatMap(plainPassword), ...indented(tree, release), ...absent(tree, commands, release)]
}

/** Older pykickstart asks for the percent sign in the first column, newer one looks past blanks. */
function indented({ nodes }: Kickstart, release: ElRelease): string[] {
  if (release !== 'RHEL6' && release !== 'RHEL7') return []
  return nodes
    .flatMap(node => (node.kind === 'section' ? (node.indented ?? []) : []))
    .map(({ text, place }) => `${formatPlace(place)}: ${text.trim().split(/\s/, 1)[0]} is indented, and Anaconda of ${release} may look for it in the first column only`)
}

function plainPassword({ name, words, place }: KickstartCommand): string[] {
  if (!Object.hasOwn(passwords, name) || words.includes('--iscrypted')) return []
  const option = passwords[name]
  const given = option
    ? words.some(word => word === option || word.startsWith(`${option}=`))
    : words.some((word, at) => !word.startsWith('--') && words[at - 1] !== '--username')
  if (!given) return []
  return [`${formatPlace(place)}: ${name} holds a password in plain text (--iscrypted takes its hash)`]
}

/** A file that only the installer sees may hold them, so nothing is said then. */
function absent(tree: Kickstart, commands: readonly KickstartCommand[], release: ElRelease): string[] {
  if (commands.some(({ name }) => installersLines.includes(name) || name === 'upgrade' || name === 'rescue')) return []
  const last = tree.nodes.at(-1)?.place ?? { file: tree.file, line: 1 }
  return Object.entries(expected)
    .filter(([name]) => !commands.some(command => command.name === name))
    .map(([, sentence]) => `${formatPlace(last)}: ${release}: ${sentence}`)
}
