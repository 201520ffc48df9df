/** Compiles groups, users, passwords and SSH keys. */
import { kickstartValue } from '../errors/kickstart.js'
import { fieldProblems, nameProblems, passwordProblems } from './account-rules.js'
import { joinAreas, shellLine } from './area.js'
import type { Area, AreaContext } from './area.js'
import { named } from './read-commands.js'
import type { Commands, ReadCommand } from './read-commands.js'
import { formatPlace } from './types.js'

/** In this order: a user's groups must be there before it, a key's user too. */
export function compileAccounts(commands: Commands, context: AreaContext): Area {
  return joinAreas([
    ...named(commands, 'group').map(command => compileGroup(command, context)),
    ...named(commands, 'user').map(command => compileUser(command, context)),
    ...named(commands, 'rootpw').map(command => compileRootPassword(command, context)),
    ...named(commands, 'sshkey').map(command => compileKey(command, context)),
  ])
}

function compileGroup(command: ReadCommand, context: AreaContext): Area {
  const { values } = command
  const name = values.value('--name') ?? ''
  const id = values.value('--gid')
  return {
    steps: [
      {
        place: context.shownPlace(command.place),
        what: `make group ${name}`,
        lines: [shellLine('in_target', 'groupadd', ...(id ? ['--gid', id] : []), '--', name)],
      },
    ],
    problems: nameProblems(command, 'group', [name]),
  }
}

function compileUser(command: ReadCommand, context: AreaContext): Area {
  const { values } = command
  const name = values.value('--name') ?? ''
  const groups = values.list('--groups')
  const gid = values.value('--gid')
  const pairs: readonly (readonly [string, string | undefined])[] = [
    ['--shell', values.value('--shell') ?? '/bin/bash'],
    ['--home-dir', values.value('--homedir')],
    ['--uid', values.value('--uid')],
    ['--gid', gid],
    ['--comment', values.value('--gecos')],
    ['--groups', groups.length > 0 ? groups.join(',') : undefined],
  ]
  const options = pairs.flatMap(([option, value]) => (value === undefined ? [] : [option, value]))
  const password = values.value('--password')
  return {
    steps: [
      {
        place: context.shownPlace(command.place),
        what: `make user ${name}`,
        lines: [
          ...ownGroupLines(name, gid),
          shellLine('in_target', 'useradd', '--create-home', '--no-log-init', ...options, '--', name),
          ...passwordLines(command, name, password),
        ],
      },
    ],
    problems: [
      ...nameProblems(command, 'user', [name, ...groups]),
      ...passwordProblems(command, password),
      ...fieldProblems(command),
    ],
  }
}

/** --gid names the user's own group, as in Anaconda; useradd itself only takes one that exists. */
function ownGroupLines(name: string, gid: string | undefined): string[] {
  if (gid === undefined) return []
  const make = shellLine('in_target', 'groupadd', '--gid', gid, '--', name)
  return [`in_target getent group ${shellLine(gid)} >/dev/null || ${make}`]
}

function compileRootPassword(command: ReadCommand, context: AreaContext): Area {
  const password = command.words[0]
  const problems = passwordProblems(command, password)
  if (password === undefined && !command.values.flag('--lock')) {
    problems.push(
      kickstartValue(
        formatPlace(command.place),
        'rootpw has neither a password nor --lock',
        'Write rootpw --lock, or rootpw --iscrypted HASH.'
      )
    )
  }
  const lines = passwordLines(command, 'root', password)
  return {
    steps: [{ place: context.shownPlace(command.place), what: "set root's password", lines }],
    problems,
  }
}

function compileKey(command: ReadCommand, context: AreaContext): Area {
  const name = command.values.value('--username') ?? ''
  const key = command.words[0] ?? ''
  const problems = nameProblems(command, 'user', [name])
  if (!/^(ssh-|ecdsa-|sk-)[a-z0-9@.-]+ [A-Za-z0-9+/=]+( .*)?$/.test(key)) {
    problems.push(
      kickstartValue(
        formatPlace(command.place),
        'sshkey has no public key',
        `Write it in quotes: sshkey --username=${name} 'ssh-ed25519 AAAA... comment'.`
      )
    )
  }
  const lines = [shellLine('add_ssh_key', name, key)]
  return {
    steps: [{ place: context.shownPlace(command.place), what: `give ${name} an SSH key`, lines }],
    problems,
  }
}

/** Through standard input, so that no password stands in a process list. */
function passwordLines({ values }: ReadCommand, name: string, password: string | undefined): string[] {
  const crypted = values.flag('--iscrypted') ? ' --encrypted' : ''
  return [
    ...(password === undefined
      ? []
      : [`${shellLine('printf', '%s\\n', `${name}:${password}`)} | in_target chpasswd${crypted}`]),
    ...(values.flag('--lock') ? [shellLine('in_target', 'usermod', '--lock', '--', name)] : []),
  ]
}
