/** Compiles the time zone, the hardware clock and the service that keeps it right. */
import { kickstartValue } from '../errors/kickstart.js'
import { suggest } from '../errors/nearest.js'
import { joinAreas, shellLine, systemFile } from './area.js'
import type { Area, AreaContext } from './area.js'
import type { ReadCommand } from './read-commands.js'
import { formatPlace } from './types.js'

const timeServices = ['systemd-timesyncd', 'chrony', 'ntpsec', 'openntpd']

export function compileTimezone(command: ReadCommand, context: AreaContext): Area {
  const zone = command.words[0] ?? ''
  const place = formatPlace(command.place)
  if (!isTimezone(zone)) {
    return { problems: [kickstartValue(place, `"${zone}" is no time zone`, suggestZone(zone))] }
  }
  const name = systemFile('etc/timezone', `${zone}\n`)
  // Without --utc the hardware clock runs in local time, in Anaconda's reading too.
  const clock = systemFile('etc/adjtime', '0.0 0 0.0\n0\nLOCAL\n')
  const local = command.values.flag('--utc') ? [] : [clock]
  const step = {
    place: context.shownPlace(command.place),
    what: `set the time zone ${zone}`,
    lines: [
      `require_file ${shellLine(`usr/share/zoneinfo/${zone}`)} 'this release has no such time zone'`,
      shellLine('link_file', `/usr/share/zoneinfo/${zone}`, 'etc/localtime'),
      name.line,
      ...local.map(file => file.line),
    ],
  }
  const zoneArea = {
    steps: [step],
    files: { ...name.files, ...Object.assign({}, ...local.map(file => file.files)) },
    needs: [{ name: 'tzdata', reason: `knows the time zone ${zone}` }],
  }
  return joinAreas([zoneArea, compileTimeService(command, context)])
}

function isTimezone(zone: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return !/^[+-]/.test(zone)
  } catch {
    return false
  }
}

function suggestZone(zone: string): string {
  const found = suggest(zone, Intl.supportedValuesOf('timeZone'))
  return found.startsWith('Did') ? found : 'Write it like Europe/Berlin or Etc/UTC.'
}

/** As with Anaconda, the clock follows NTP unless --nontp says no. */
function compileTimeService({ values, place }: ReadCommand, context: AreaContext): Area {
  const chosen = timeServices.find(name => context.packages.has(name))
  const servers = values.list('--ntpservers')
  const shown = context.shownPlace(place)
  if (values.flag('--nontp')) {
    if (!chosen) return {}
    return {
      problems: [
        kickstartValue(
          formatPlace(place),
          `timezone --nontp contradicts %packages, which has ${chosen}`,
          'Keep one of the two.'
        ),
      ],
    }
  }
  if (servers.length === 0) {
    return chosen
      ? {}
      : {
          needs: [
            { name: 'systemd-timesyncd', reason: 'sets the clock by NTP (timezone without --nontp)' },
          ],
        }
  }
  if (chosen && chosen !== 'systemd-timesyncd') {
    return {
      problems: [
        kickstartValue(
          formatPlace(place),
          `--ntpservers is for systemd-timesyncd, and %packages has ${chosen}`,
          `Configure ${chosen} in %post.`
        ),
      ],
    }
  }
  const { files, line } = systemFile(
    'etc/systemd/timesyncd.conf.d/kickstart.conf',
    `[Time]\nNTP=${servers.join(' ')}\n`
  )
  return {
    files,
    steps: [{ place: shown, what: 'set the NTP servers', lines: [line] }],
    needs: [{ name: 'systemd-timesyncd', reason: 'sets the clock by NTP (timezone --ntpservers)' }],
  }
}
