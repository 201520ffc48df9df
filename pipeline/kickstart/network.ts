/** Compiles `network` lines to systemd-networkd's files. */
import { isIPv4, isIP } from 'node:net'
import { kickstartValue } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { systemFile } from './area.js'
import type { Area, AreaContext } from './area.js'
import { named } from './read-commands.js'
import type { Commands, ReadCommand } from './read-commands.js'
import { formatPlace } from './types.js'

/**
 * One .network file per line that configures a device. Without --device (or with `link`) it matches every
 * Ethernet card: a card's name differs from hypervisor to hypervisor.
 */
export function compileNetwork(commands: Commands, context: AreaContext): Area {
  const lines = named(commands, 'network').filter(configures)
  const problems = named(commands, 'network').flatMap(networkProblems)
  const last = lines.at(-1)
  if (!last || problems.length > 0) return { problems }
  const written = lines.map((command, index) => ({
    command,
    file: systemFile(`etc/systemd/network/${10 + index * 10}-kickstart.network`, networkText(command)),
  }))
  const steps = written.map(({ command, file }) => ({
    place: context.shownPlace(command.place),
    what: `configure the network device ${command.values.value('--device') ?? 'link'}`,
    lines: [file.line],
  }))
  const enable = {
    place: context.shownPlace(last.place),
    what: 'enable systemd-networkd',
    lines: [
      'in_target systemctl --quiet enable systemd-networkd.service systemd-resolved.service',
      'link_file ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf',
    ],
  }
  return {
    steps: [...steps, enable],
    files: Object.assign({}, ...written.map(({ file }) => file.files)) as Record<string, string>,
    needs: [
      {
        name: 'systemd-resolved',
        reason: 'gives the name servers that systemd-networkd learns to programs',
      },
    ],
  }
}

/** `network --hostname=x` alone is about the name only. */
function configures({ values }: ReadCommand): boolean {
  return ['--bootproto', '--device', '--ip', '--activate', '--onboot', '--mtu'].some(option =>
    values.flag(option)
  )
}

function networkProblems(command: ReadCommand): PipelineError[] {
  const { values } = command
  const at = formatPlace(command.place)
  const problems: PipelineError[] = []
  const wrong = (problem: string, hint: string) => problems.push(kickstartValue(at, problem, hint))
  const fixed = ['--ip', '--netmask', '--gateway'].filter(option => values.flag(option))
  if (values.value('--bootproto') === 'static') {
    if (!values.flag('--ip') || !values.flag('--netmask'))
      wrong('network --bootproto=static needs --ip and --netmask', 'Add --ip=ADDRESS --netmask=MASK.')
  } else if (fixed.length > 0)
    wrong(
      `${fixed.join(', ')} without --bootproto=static`,
      'Add --bootproto=static, or take the addresses out.'
    )
  for (const option of ['--ip', '--gateway']) {
    const address = values.value(option)
    if (address !== undefined && !isIPv4(address))
      wrong(`${option}=${address} is no IPv4 address`, 'Write it like 192.0.2.10.')
  }
  const mask = values.value('--netmask')
  if (mask !== undefined && prefixLength(mask) === undefined)
    wrong(`--netmask=${mask} is no netmask`, 'Write it like 255.255.255.0.')
  for (const server of values.list('--nameserver').filter(server => isIP(server) === 0)) {
    wrong(`--nameserver=${server} is no address`, 'Write addresses with commas between them.')
  }
  const device = values.value('--device')
  if (device !== undefined && !/^[A-Za-z0-9_.:-]{1,17}$/.test(device))
    wrong(`--device=${device} is no device`, 'Write a device name, a MAC address, or link.')
  return problems
}

/** 255.255.255.0 -> 24; undefined when the ones are not all on the left. */
export function prefixLength(mask: string): number | undefined {
  if (!isIPv4(mask)) return undefined
  const bits = mask
    .split('.')
    .map(part => Number(part).toString(2).padStart(8, '0'))
    .join('')
  const ones = bits.indexOf('0') === -1 ? 32 : bits.indexOf('0')
  return bits.slice(ones).includes('1') ? undefined : ones
}

function networkText({ values }: ReadCommand): string {
  const noIpv6 = values.flag('--noipv6')
  const fixed = values.value('--bootproto') === 'static'
  const network = [
    ...(fixed
      ? staticLines(
          values.value('--ip') ?? '',
          values.value('--netmask') ?? '',
          values.value('--gateway')
        )
      : [`DHCP=${noIpv6 ? 'ipv4' : 'yes'}`]),
    ...values.list('--nameserver').map(server => `DNS=${server}`),
    ...(noIpv6 ? ['LinkLocalAddressing=no', 'IPv6AcceptRA=no'] : []),
  ]
  const link = [
    ...(values.flag('--mtu') ? [`MTUBytes=${values.value('--mtu')}`] : []),
    // Anaconda's --onboot=no: present, and brought up by hand only.
    ...(/^(no|off|false|0)$/i.test(values.value('--onboot') ?? '')
      ? ['ActivationPolicy=manual', 'RequiredForOnline=no']
      : []),
  ]
  const learned = [
    ...(values.flag('--nodns') ? ['UseDNS=no'] : []),
    ...(values.flag('--nodefroute') ? ['UseGateway=no'] : []),
  ]
  const parts: readonly (readonly [string, readonly string[]])[] = [
    ['Match', matchLines(values.value('--device'))],
    ['Link', link],
    ['Network', network],
    ['DHCPv4', learned],
    ['IPv6AcceptRA', noIpv6 ? [] : learned],
  ]
  return parts
    .filter(([, lines]) => lines.length > 0)
    .map(([name, lines]) => `[${name}]\n${lines.join('\n')}\n`)
    .join('\n')
}

function staticLines(ip: string, mask: string, gateway: string | undefined): string[] {
  return [`Address=${ip}/${prefixLength(mask)}`, ...(gateway ? [`Gateway=${gateway}`] : [])]
}

function matchLines(device: string | undefined): string[] {
  if (device === undefined || device === 'link') return ['Type=ether', 'Kind=!*']
  return /^([0-9a-f]{2}:){5}[0-9a-f]{2}$/i.test(device) ? [`MACAddress=${device}`] : [`Name=${device}`]
}
