/** What is wrong with the names, passwords and paths of accounts. */
import { kickstartValue } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import type { ReadCommand } from './read-commands.js'
import { formatPlace } from './types.js'

export function passwordProblems(command: ReadCommand, password: string | undefined): PipelineError[] {
  const { values, name } = command
  const at = formatPlace(command.place)
  if (values.flag('--iscrypted') && values.flag('--plaintext')) {
    return [
      kickstartValue(
        at,
        `${name} has both --iscrypted and --plaintext`,
        'Keep the one that is true of the password.'
      ),
    ]
  }
  if (
    values.flag('--iscrypted') &&
    password !== undefined &&
    !/^\$[0-9a-z]+\$[^\s:]+$|^[!*]$/.test(password)
  ) {
    return [
      kickstartValue(
        at,
        `${name} --iscrypted is followed by something that is no password hash`,
        'Make one with mkpasswd or openssl passwd -6, and put it in single quotes.'
      ),
    ]
  }
  if (
    (values.flag('--iscrypted') || values.flag('--plaintext')) &&
    password === undefined &&
    !values.flag('--lock')
  ) {
    return [
      kickstartValue(
        at,
        `${name} says what kind of password it has, and has none`,
        'Add the password, or --lock.'
      ),
    ]
  }
  return password === ''
    ? [kickstartValue(at, `${name} has an empty password`, 'Write --lock for an account without one.')]
    : []
}

export function nameProblems(
  command: ReadCommand,
  what: string,
  names: readonly string[]
): PipelineError[] {
  return names
    .filter(name => !/^[a-z_][a-z0-9_-]{0,31}$/.test(name))
    .map(name =>
      kickstartValue(
        formatPlace(command.place),
        `"${name}" is no ${what} name`,
        'Use lower-case letters, digits, dashes and underscores, a letter first.'
      )
    )
}

/** Fields of /etc/passwd cannot hold its separator. */
export function fieldProblems({ values, place }: ReadCommand): PipelineError[] {
  const paths = ['--shell', '--homedir'].filter(
    option => values.flag(option) && !/^\/[^:\s]*$/.test(values.value(option) ?? '')
  )
  const problems = paths.map(option =>
    kickstartValue(
      formatPlace(place),
      `${option}=${values.value(option)} is no absolute path`,
      'Write it like /bin/bash.'
    )
  )
  if (/[:\n]/.test(values.value('--gecos') ?? '')) {
    problems.push(
      kickstartValue(formatPlace(place), '--gecos has a colon', 'Separate its parts with commas.')
    )
  }
  return problems
}
