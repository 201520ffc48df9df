/** The kvm kit on machines whose forwarding a firewall of their owner drops: a real ufw, real iptables, and a stand-in for firewalld. */
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { fixture, joinGuest, dropGuest, kitBench, must, pathWith, same, start, stop } from '../fixtures/kit-bench.js'
import { uplink } from '../fixtures/namespaces.js'

/** Its settings and its lock are the machine's own. */
const enableUfw = `set -e
for folder in /etc/ufw /etc/default; do
  copy=$(mktemp -d)
  mount -t tmpfs tmpfs "$copy"
  cp -a "$folder/." "$copy/"
  mount --move "$copy" "$folder"
done
mount -t tmpfs tmpfs /run
ufw --force enable
ufw default deny routed`

const rules = `ufw show added; cat /etc/ufw/user.rules /etc/ufw/user6.rules`

t.test('opens a real ufw by rules of its own, and removes exactly those', async t => {
  const it = await kitBench(t)
  const { host, script } = it
  await must(host, 'sysctl -q -w net.ipv4.ip_forward=1')
  const enabled = await host.on(['sh', '-c', enableUfw])
  t.equal(enabled.exitCode, 0, enabled.stderr)
  await must(host, 'ufw allow 22/tcp')
  const settings = async () => (await host.on(['sh', '-c', rules])).stdout
  const [before, written] = [await host.snapshot(), await settings()]

  const started = await script(start)
  t.equal(started.exitCode, 0, started.stderr)
  t.match((await host.on(['ufw', 'show', 'added'])).stdout, "ufw route allow in on evcbr0 comment 'evc-host'\nufw allow in on evcbr0 to any port 67 proto udp comment 'evc-host'\n")
  const guest = await joinGuest(it)
  t.match((await guest('ip -4 -br address show dev eth0')).stdout, /192\.168\.42\.2\/24/, 'DHCP passes')
  t.equal((await guest(`busybox ping -c1 -W3 ${uplink.outside}`)).exitCode, 0, 'forwarding passes')
  t.equal((await host.on(['busybox', 'ping', '-c1', '-W3', '192.168.42.2'])).exitCode, 0, 'the machine reaches it')
  await dropGuest(host)
  t.equal((await script(start)).exitCode, 0, 'twice')
  t.equal((await script(stop)).exitCode, 0)
  t.equal(await settings(), written)
  same(t, await host.snapshot(), before)
})

/** Their policies are ACCEPT, yet nothing new gets in or through: what the last rule sees is over. */
const closedByRules: Readonly<Record<string, readonly string[]>> = {
  'reject': [
    '-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT',
    '-A INPUT -i lo -j ACCEPT',
    '-A INPUT -p tcp --dport 22 -j ACCEPT',
    '-A INPUT -j REJECT --reject-with icmp-host-prohibited',
    '-A FORWARD -j REJECT --reject-with icmp-host-prohibited',
  ],
  'lead to a chain that drops, and drop under a comment': [
    '-N LOGDROP', '-A LOGDROP -m limit --limit 1/min -j LOG', '-A LOGDROP -j DROP',
    '-A INPUT -i lo -j ACCEPT', '-A INPUT -j LOGDROP', '-A FORWARD -m comment --comment rest -j DROP',
  ],
}

for (const [what, lines] of Object.entries(closedByRules))
  t.test(`opens chains of iptables whose last rules ${what}, at their head, and closes them again`, async t => {
    const it = await kitBench(t)
    const { host, script } = it
    for (const line of lines) await must(host, `iptables ${line}`)
    const before = await host.snapshot()
    const started = await script(start)
    t.equal(started.exitCode, 0, started.stderr)
    const guest = await joinGuest(it)
    t.match((await guest('ip -4 -br address show dev eth0')).stdout, /192\.168\.42\.2\/24/, 'DHCP passes')
    t.equal((await guest(`busybox ping -c1 -W3 ${uplink.outside}`)).exitCode, 0, 'forwarding passes')
    t.equal((await host.on(['busybox', 'ping', '-c1', '-W3', '192.168.42.2'])).exitCode, 0, 'answers pass')
    t.equal((await guest('busybox ping -c1 -W1 192.168.42.1')).exitCode, 1, 'nothing else of the machine is opened')
    await dropGuest(host)
    t.equal((await script(stop)).exitCode, 0)
    same(t, await host.snapshot(), before)
  })

t.test('puts the bridge into the zone that firewalld has for virtual machines, and out of it (a stand-in for firewalld)', async t => {
  const { host, script, directory } = await kitBench(t)
  const zones = join(directory, 'zones')
  mkdirSync(zones)
  for (const [zone, interfaces] of Object.entries({ public: 'up0\n', libvirt: 'virbr0\n', trusted: '' })) writeFileSync(join(zones, zone), interfaces)
  const PATH = `${pathWith(directory, ['firewall-cmd'], () => fixture('play-firewall-cmd.sh'))}:${process.env['PATH'] ?? ''}`
  const env = { PATH, ZONES: zones }
  const shown = () => Object.fromEntries(readdirSync(zones).map(zone => [zone, readFileSync(join(zones, zone), 'utf8')]))
  const [before, then] = [await host.snapshot(), shown()]
  t.equal((await script(start, env)).exitCode, 0)
  t.equal(shown()['libvirt'], 'virbr0\nevcbr0\n')
  t.equal((await script(stop, env)).exitCode, 0)
  t.same(shown(), then)
  same(t, await host.snapshot(), before)
})
