/** firewall as a ruleset of nftables. */
import t from 'tap'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

const nftables = `${leastKickstart}%packages\nnftables\n%end\n`

t.test('writes the rules of a firewall', async t => {
  const install = compile(
    `firewall --enabled --service=https,dns --port=8443:tcp,6000-6010:udp --trust=incusbr0 --remove-service=dhcpv6-client --http\n${nftables}`
  )
  t.equal(
    install.files['system/etc/nftables.conf'],
    `#!/usr/sbin/nft -f
flush ruleset

table inet filter {
  chain input {
    type filter hook input priority filter; policy drop;
    ct state established,related accept
    iifname "lo" accept
    iifname "incusbr0" accept
    meta l4proto { 1, 58 } accept
    tcp dport 22 accept
    tcp dport 80 accept
    tcp dport 443 accept
    tcp dport 53 accept
    udp dport 53 accept
    tcp dport 8443 accept
    udp dport 6000-6010 accept
  }
}
`
  )
  t.same(stepLines(install, 'enable the firewall'), [
    'put_file 0755 etc/nftables.conf',
    'in_target systemctl --quiet enable nftables.service',
  ])
})

t.test('keeps SSH open unless told otherwise', async t => {
  const rules = (options: string) =>
    compile(`firewall ${options}\n${nftables}`).files['system/etc/nftables.conf'] ?? ''
  t.match(rules('--enabled'), /tcp dport 22 accept/)
  t.match(rules('--enabled'), /udp dport 546 accept/)
  t.notMatch(rules('--enabled --remove-service=ssh'), /dport 22 /)
})

t.test('a disabled firewall needs nothing', async t => {
  const without = compile(`firewall --disabled\n${leastKickstart}`)
  t.notMatch(without.files['install.sh'], /nftables/)
  t.same(stepLines(compile(`firewall --disabled\n${nftables}`), 'disable the firewall'), [
    'in_target systemctl --quiet disable nftables.service',
  ])
})

const wrong: Readonly<Record<string, readonly [line: string, error: string]>> = {
  'an unknown service of the firewall': [
    'firewall --enabled --service=htttp',
    'firewall does not know the service "htttp". (Did you mean "http"?)',
  ],
  'a port without its protocol': [
    'firewall --enabled --port=80',
    '--port=80 is no port. (Write it like 8443:tcp or 5900-5999:tcp, from 1 to 65535.)',
  ],
  'a port above the last': ['firewall --enabled --port=70000:tcp', '--port=70000:tcp is no port. (Write it like 8443:tcp or 5900-5999:tcp, from 1 to 65535.)'],
  'port zero': ['firewall --enabled --port=0:udp', '--port=0:udp is no port. (Write it like 8443:tcp or 5900-5999:tcp, from 1 to 65535.)'],
  'a range that runs backwards': ['firewall --enabled --port=200-100:tcp', '--port=200-100:tcp is no port. (Write it like 8443:tcp or 5900-5999:tcp, from 1 to 65535.)'],
  'a range beyond the last port': ['firewall --enabled --port=65000-65536:tcp', '--port=65000-65536:tcp is no port. (Write it like 8443:tcp or 5900-5999:tcp, from 1 to 65535.)'],
  'a firewall both ways': [
    'firewall --disabled --ssh',
    'firewall --disabled contradicts --ssh. (Keep one of the two.)',
  ],
  'a trusted device that is none': [
    'firewall --trust=a/b',
    '--trust=a/b is no device. (Write the name of a network device.)',
  ],
}

for (const [what, [line, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t =>
    t.equal(compileFailure(`${line}\n${nftables}`), `error: box/box.ks:1: ${error}`)
  )
}

t.test('refuses a firewall without the program for it', async t => {
  t.equal(
    compileFailure(`firewall --enabled\n${leastKickstart}`),
    'error: box/box.ks:1: firewall needs nftables, and %packages does not have it. (Add nftables to %packages, or write firewall --disabled.)'
  )
})
