/** network lines as files of systemd-networkd. */
import t from 'tap'
import { prefixLength } from '../../pipeline/kickstart/network.js'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

const first = 'system/etc/systemd/network/10-kickstart.network'

function text(...lines: readonly string[]): Readonly<Record<string, string>> {
  return compile(`${lines.join('\n')}\n${leastKickstart}`).files
}

t.test('DHCP on every Ethernet card, whatever its name', async t => {
  const wanted = '[Match]\nType=ether\nKind=!*\n\n[Network]\nDHCP=yes\n'
  t.equal(text('network --bootproto=dhcp --device=link --activate')[first], wanted)
  t.equal(text('network --bootproto=dhcp')[first], wanted)
})

t.test('a fixed address on one card', async t => {
  t.equal(
    text(
      'network --bootproto=static --device=eth0 --ip=192.0.2.10 --netmask=255.255.255.0 --gateway=192.0.2.1 --nameserver=192.0.2.2,2001:db8::1 --noipv6 --mtu=1400'
    )[first],
    '[Match]\nName=eth0\n\n[Link]\nMTUBytes=1400\n\n[Network]\nAddress=192.0.2.10/24\nGateway=192.0.2.1\nDNS=192.0.2.2\nDNS=2001:db8::1\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n'
  )
})

t.test('a MAC address, two cards, and what DHCP may not set', async t => {
  const files = text(
    'network --device=52:54:00:12:34:56 --bootproto=dhcp --noipv6 --nodns --nodefroute',
    'network --device=eth1 --bootproto=dhcp --onboot=no',
    'network --hostname=box'
  )
  t.equal(
    files[first],
    '[Match]\nMACAddress=52:54:00:12:34:56\n\n[Network]\nDHCP=ipv4\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n\n[DHCPv4]\nUseDNS=no\nUseGateway=no\n'
  )
  t.equal(
    files['system/etc/systemd/network/20-kickstart.network'],
    '[Match]\nName=eth1\n\n[Link]\nActivationPolicy=manual\nRequiredForOnline=no\n\n[Network]\nDHCP=yes\n'
  )
  t.equal(files['system/etc/systemd/network/30-kickstart.network'], undefined)
})

t.test('enables the services, with name servers for all programs', async t => {
  const install = compile(`network --bootproto=dhcp\n${leastKickstart}`)
  t.same(stepLines(install, 'enable systemd-networkd'), [
    'in_target systemctl --quiet enable systemd-networkd.service systemd-resolved.service',
    'link_file ../run/systemd/resolve/stub-resolv.conf etc/resolv.conf',
  ])
  t.ok(install.packages.include.includes('systemd-resolved'))
  t.notOk(
    compile(`network --hostname=x\n${leastKickstart}`).packages.include.includes('systemd-resolved')
  )
})

t.test('counts the bits of a netmask', async t => {
  const cases: Readonly<Record<string, number | undefined>> = {
    '255.255.255.0': 24,
    '255.255.255.255': 32,
    '0.0.0.0': 0,
    '255.255.254.0': 23,
    '255.0.255.0': undefined,
    '255.255.255': undefined,
    '24': undefined,
  }
  for (const [mask, bits] of Object.entries(cases)) t.equal(prefixLength(mask), bits, mask)
})

const wrong: Readonly<Record<string, string>> = {
  'network --bootproto=static --ip=192.0.2.1':
    'network --bootproto=static needs --ip and --netmask. (Add --ip=ADDRESS --netmask=MASK.)',
  'network --bootproto=dhcp --ip=192.0.2.1':
    '--ip without --bootproto=static. (Add --bootproto=static, or take the addresses out.)',
  'network --bootproto=static --ip=192.0.2.300 --netmask=255.255.255.0':
    '--ip=192.0.2.300 is no IPv4 address. (Write it like 192.0.2.10.)',
  'network --bootproto=static --ip=192.0.2.3 --netmask=255.0.255.0':
    '--netmask=255.0.255.0 is no netmask. (Write it like 255.255.255.0.)',
  'network --nameserver=dns.example --bootproto=dhcp':
    '--nameserver=dns.example is no address. (Write addresses with commas between them.)',
  'network --device=a/b': '--device=a/b is no device. (Write a device name, a MAC address, or link.)',
  'network --bondslaves=a,b':
    'the debian family cannot honour "network --bondslaves". (Options of network it honours: --bootproto, --device, --ip, --netmask, --gateway, --nameserver, --hostname, --mtu, --activate, --onboot, --noipv6, --nodns, --nodefroute.)',
  'network --bootprto=dhcp': 'network has no option "--bootprto". (Did you mean "--bootproto"?)',
}

for (const [line, error] of Object.entries(wrong)) {
  t.test(`refuses ${line}`, async t =>
    t.equal(compileFailure(`${line}\n${leastKickstart}`), `error: box/box.ks:1: ${error}`)
  )
}
