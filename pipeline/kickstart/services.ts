/** Compiles `services`, and has the firewall compiled, which is one of them. */
import { kickstartValue } from '../errors/kickstart.js'
import { joinAreas, shellLine } from './area.js'
import type { Area, AreaContext } from './area.js'
import { named } from './read-commands.js'
import type { Commands, ReadCommand } from './read-commands.js'
import { compileFirewall } from './firewall.js'
import { formatPlace } from './types.js'

/** Enabled and disabled for the next boot; a service that is not there is a failure of the installation. */
export function compileServices(commands: Commands, context: AreaContext): Area {
  return joinAreas([
    ...named(commands, 'services').map(command => compileServiceLine(command, context)),
    ...named(commands, 'firewall').map(command => compileFirewall(command, context)),
  ])
}

function compileServiceLine({ values, place }: ReadCommand, context: AreaContext): Area {
  const enabled = values.list('--enabled')
  const disabled = values.list('--disabled')
  const both = enabled.filter(name => disabled.includes(name))
  const wrong = [...enabled, ...disabled].filter(name => !/^[A-Za-z0-9@_.:-]+$/.test(name))
  const problems = [
    ...both.map(name =>
      kickstartValue(formatPlace(place), `${name} is both enabled and disabled`, 'Keep one of the two.')
    ),
    ...wrong.map(name =>
      kickstartValue(
        formatPlace(place),
        `"${name}" is no service`,
        'Write the names of units with commas between them.'
      )
    ),
  ]
  // Anaconda first disables, then enables.
  const turns = [
    ['disable', disabled],
    ['enable', enabled],
  ] as const
  const steps = turns
    .filter(([, names]) => names.length > 0)
    .map(([verb, names]) => ({
      place: context.shownPlace(place),
      what: `${verb} ${names.join(', ')}`,
      lines: [shellLine('in_target', 'systemctl', '--quiet', verb, '--', ...names)],
    }))
  return { steps, problems }
}
