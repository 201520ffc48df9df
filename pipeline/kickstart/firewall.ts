/** Compiles `firewall` to a ruleset of nftables. */
import { kickstartValue } from '../errors/kickstart.js'
import { suggest } from '../errors/nearest.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { systemFile } from './area.js'
import type { Area, AreaContext } from './area.js'
import { entryOf } from './entry.js'
import type { ReadCommand } from './read-commands.js'
import { formatPlace } from './types.js'

/** Ports of the services that may be named, by firewalld's names. */
const servicePorts: Readonly<Record<string, readonly string[]>> = {
  'cockpit': ['9090:tcp'],
  'dhcp': ['67:udp'],
  'dhcpv6-client': ['546:udp'],
  'dns': ['53:tcp', '53:udp'],
  'ftp': ['21:tcp'],
  'http': ['80:tcp'],
  'https': ['443:tcp'],
  'mdns': ['5353:udp'],
  'nfs': ['2049:tcp'],
  'ntp': ['123:udp'],
  'smtp': ['25:tcp'],
  'ssh': ['22:tcp'],
}

/** Open in Anaconda's default zone too; --remove-service closes them. */
const openByDefault = ['ssh', 'dhcpv6-client']

export function compileFirewall(command: ReadCommand, context: AreaContext): Area {
  const { values } = command
  const problems = firewallProblems(command, context)
  const place = context.shownPlace(command.place)
  if (values.flag('--disabled') || !context.packages.has('nftables')) {
    const lines = context.packages.has('nftables')
      ? ['in_target systemctl --quiet disable nftables.service']
      : []
    return { problems, steps: lines.length > 0 ? [{ place, what: 'disable the firewall', lines }] : [] }
  }
  const { files, line } = systemFile(
    'etc/nftables.conf',
    rulesetText(values.list('--trust'), openPorts(command)),
    '0755'
  )
  const lines = [line, 'in_target systemctl --quiet enable nftables.service']
  return { problems, files, steps: [{ place, what: 'enable the firewall', lines }] }
}

function allServices({ values }: ReadCommand): string[] {
  const flags = ['ssh', 'http', 'ftp', 'smtp'].filter(name => values.flag(`--${name}`))
  const removed = values.list('--remove-service')
  return [...new Set([...openByDefault, ...flags, ...values.list('--service')])].filter(
    name => !removed.includes(name)
  )
}

function openPorts(command: ReadCommand): string[] {
  return [
    ...new Set([
      ...allServices(command).flatMap(name => entryOf(servicePorts, name) ?? []),
      ...command.values.list('--port'),
    ]),
  ]
}

function firewallProblems(command: ReadCommand, context: AreaContext): PipelineError[] {
  const { values } = command
  const at = formatPlace(command.place)
  const openings = [
    '--port',
    '--service',
    '--remove-service',
    '--trust',
    '--ssh',
    '--http',
    '--ftp',
    '--smtp',
  ].filter(option => values.flag(option))
  if (values.flag('--disabled')) {
    const contradicting = [...(values.flag('--enabled') ? ['--enabled'] : []), ...openings]
    return contradicting.length === 0
      ? []
      : [
          kickstartValue(
            at,
            `firewall --disabled contradicts ${contradicting.join(', ')}`,
            'Keep one of the two.'
          ),
        ]
  }
  const services = [...values.list('--service'), ...values.list('--remove-service')].filter(
    name => !Object.hasOwn(servicePorts, name)
  )
  const ports = values.list('--port').filter(port => !isPort(port))
  const missing = kickstartValue(
    at,
    'firewall needs nftables, and %packages does not have it',
    'Add nftables to %packages, or write firewall --disabled.'
  )
  return [
    ...(context.packages.has('nftables') ? [] : [missing]),
    ...services.map(name =>
      kickstartValue(
        at,
        `firewall does not know the service "${name}"`,
        suggest(name, Object.keys(servicePorts), 'Services')
      )
    ),
    ...ports.map(port =>
      kickstartValue(at, `--port=${port} is no port`, 'Write it like 8443:tcp or 5900-5999:tcp, from 1 to 65535.')
    ),
    ...values
      .list('--trust')
      .filter(device => !/^[\w.@-]{1,15}$/.test(device))
      .map(device =>
        kickstartValue(at, `--trust=${device} is no device`, 'Write the name of a network device.')
      ),
  ]
}

/** `PORT:PROTOCOL` or `FIRST-LAST:PROTOCOL`. */
function isPort(text: string): boolean {
  const [, first = '', last = first] = /^(\d{1,5})(?:-(\d{1,5}))?:(?:tcp|udp)$/.exec(text) ?? []
  return first !== '' && Number(first) >= 1 && Number(first) <= Number(last) && Number(last) <= 65535
}

/**
 * Only what comes in is filtered: forwarding is left to those who make bridges. Protocols are numbers
 * (1 ICMP, 58 ICMPv6), because nft finds their names only where netbase is installed.
 */
function rulesetText(trusted: readonly string[], ports: readonly string[]): string {
  const accepted = ports.map(port => {
    const [range, protocol] = port.split(':')
    return `    ${protocol} dport ${range} accept`
  })
  return `#!/usr/sbin/nft -f
flush ruleset

table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname "lo" accept
${[...trusted.map(device => `    iifname "${device}" accept`), '    meta l4proto { 1, 58 } accept', ...accepted].join('\n')}
  }
}
`
}
