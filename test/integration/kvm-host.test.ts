/**
 * The kvm host kit on a machine of its own (a network namespace): network, NAT and DHCP are real; a stand-in plays QEMU
 * and another namespace the guest.
 */
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { closed, dropGuest, fixture, joinGuest, kitBench, must, pathWith, ready, same, start, stop } from '../fixtures/kit-bench.js'
import { uplink } from '../fixtures/namespaces.js'
import { processesWith } from '../fixtures/processes.js'

t.test('gives the guest 192.168.42.2 by DHCP, reaches it, leads it outside, and takes everything back', async t => {
  const it = await kitBench(t)
  const { host, script, state } = it
  const before = await host.snapshot()

  const started = await script(start)
  t.equal(started.stdout, ready)
  t.match(started.stderr, /run-evc\.sh: Starting Cloud in a box \S+ by tcg \(qemu\)\.\nrun-evc\.sh: The appliance is starting\.\nrun-evc\.sh: It is ready:\n/)
  t.equal(started.exitCode, 0)
  const guest = await joinGuest(it)
  t.match((await guest('ip -4 -br address show dev eth0')).stdout, /192\.168\.42\.2\/24/, 'the lease')
  t.equal((await host.on(['busybox', 'ping', '-c1', '-W3', '192.168.42.2'])).exitCode, 0, 'the machine reaches it')
  t.equal((await guest(`busybox ping -c1 -W3 ${uplink.outside}`)).exitCode, 0, 'it reaches the world outside, which knows no way back to 192.168.42.0/24')
  t.equal((await host.outside(['ip', 'route', 'get', '192.168.42.2'])).exitCode === 0, false)

  const again = await script(start)
  t.same([again.exitCode, again.stdout], [0, ready], 'started twice')
  t.match(again.stderr, /^run-evc\.sh: It is running already; \.\/teardown-evc\.sh stops it\.\n/)
  t.equal((await script('status')).stdout, `ready\n${ready}`)

  await dropGuest(host)
  const stopped = await script(stop)
  t.equal(stopped.exitCode, 0)
  t.match(stopped.stderr, /teardown-evc\.sh: Everything that was made on this machine is gone; the disk stays\.\n/)
  same(t, await host.snapshot(), before)
  t.notOk(existsSync(state), 'no notes are left')
  t.same(processesWith(state), [])
  t.equal((await script(stop)).stderr, 'teardown-evc.sh: Nothing is left to take back.\n', 'taken back twice')
  same(t, await host.snapshot(), before)
})

t.test('puts back the values of a hardened machine, and those that somebody has changed meanwhile stay', async t => {
  const { host, script } = await kitBench(t)
  const hardened = ['net.ipv4.conf.all.accept_redirects=0', 'net.ipv4.conf.default.accept_redirects=0', 'net.ipv4.conf.all.rp_filter=1', 'net.ipv4.conf.all.send_redirects=0']
  for (const value of hardened) await must(host, `sysctl -q -w ${value}`)
  const before = await host.snapshot()
  await script(start)
  t.equal((await host.on(['cat', '/proc/sys/net/ipv4/ip_forward'])).stdout, '1\n')
  await must(host, 'sysctl -q -w net.ipv4.ip_default_ttl=77')
  await script(stop)
  t.equal((await host.on(['cat', '/proc/sys/net/ipv4/ip_default_ttl'])).stdout, '77\n')
  await must(host, 'sysctl -q -w net.ipv4.ip_default_ttl=64')
  same(t, await host.snapshot(), before)
})

t.test('leaves forwarding on where it was on', async t => {
  const { host, script } = await kitBench(t)
  await must(host, 'sysctl -q -w net.ipv4.ip_forward=1')
  const before = await host.snapshot()
  await script(start)
  await script(stop)
  same(t, await host.snapshot(), before)
})

t.test('opens chains that drop, at their head, and closes them again', async t => {
  const it = await kitBench(t)
  const { host, script } = it
  await host.on(['nft', '-f', '-'], { input: closed })
  const before = await host.snapshot()
  await script(start)
  const guest = await joinGuest(it)
  t.match((await guest('ip -4 -br address show dev eth0')).stdout, /192\.168\.42\.2\/24/, 'DHCP passes')
  t.equal((await guest(`busybox ping -c1 -W3 ${uplink.outside}`)).exitCode, 0, 'forwarding passes')
  t.equal((await host.on(['busybox', 'ping', '-c1', '-W3', '192.168.42.2'])).exitCode, 0, 'answers pass')
  t.equal((await guest('busybox ping -c1 -W1 192.168.42.1')).exitCode, 1, 'nothing else of the machine is opened')
  await dropGuest(host)
  await script(stop)
  same(t, await host.snapshot(), before)
})

t.test("uses Docker's own place for rules where Docker drops forwarding", async t => {
  const it = await kitBench(t)
  const { host, script } = it
  for (const line of ['-P FORWARD DROP', '-N DOCKER-USER', '-A DOCKER-USER -j RETURN', '-A FORWARD -j DOCKER-USER']) await must(host, `iptables ${line}`)
  const before = await host.snapshot()
  await script(start)
  t.match((await host.on(['iptables', '-S', 'DOCKER-USER'])).stdout, /-i evcbr0 -m comment --comment evc-host -j ACCEPT/)
  const guest = await joinGuest(it)
  t.equal((await guest(`busybox ping -c1 -W3 ${uplink.outside}`)).exitCode, 0)
  await dropGuest(host)
  await script(stop)
  same(t, await host.snapshot(), before)
})

const coreutils = 'sh awk cat cksum chmod cp cut comm date df dirname basename flock grep head id ls mkdir mv ps readlink rm rmdir sed seq setsid sleep sort stat sync tail tr truncate uname wc'.split(' ')

t.test('does with iptables where there is no nft, and with the fallback address where there is no dnsmasq', async t => {
  const { host, script, directory } = await kitBench(t)
  await must(host, 'iptables -t nat -P PREROUTING ACCEPT')
  await must(host, 'iptables -t nat -P POSTROUTING ACCEPT')
  const before = await host.snapshot()
  const where = (name: string) => ['/usr/sbin', '/sbin', '/usr/bin', '/bin'].map(folder => join(folder, name)).find(existsSync) ?? name
  const PATH = pathWith(directory, [...coreutils, 'ip', 'iptables'], where)
  const { stderr, exitCode } = await script(start, { PATH })
  t.equal(exitCode, 0, stderr)
  t.match(stderr, 'run-evc.sh: !! There is no dnsmasq: the appliance waits for an address a while, then takes 192.168.42.2 by itself, without name servers.\n')
  t.match((await host.on(['iptables', '-t', 'nat', '-S', 'POSTROUTING'])).stdout, '-A POSTROUTING -s 192.168.42.0/24 ! -d 192.168.42.0/24 -m comment --comment evc-host -j MASQUERADE')
  await script(stop, { PATH })
  same(t, await host.snapshot(), before)
})

t.test('refuses a network that is in use and names a free one, which then works', async t => {
  const { host, script } = await kitBench(t)
  await must(host, `ip route add 192.168.40.0/22 via ${uplink.outside}`)
  await must(host, 'ip address add 192.168.44.1/24 dev lo')
  const before = await host.snapshot()
  const refused = await script(start)
  t.equal(refused.exitCode, 3)
  t.equal(refused.stderr, 'run-evc.sh: The network 192.168.42.0/24 is in use on this machine, by up0 (192.168.40.0/22). Take a free one: run-evc.sh --subnet 192.168.45.0/24\n')
  same(t, await host.snapshot(), before)
  const taken = await script(`${start} --subnet 192.168.45.0/24`)
  t.equal(taken.exitCode, 0, taken.stderr)
  t.match((await host.on(['ip', '-br', 'address', 'show', 'dev', 'evcbr0'])).stdout, '192.168.45.1/24')
  await script(stop)
  same(t, await host.snapshot(), before)
})

t.test("a bridge of the user's own is used and left alone, an unknown or foreign one refused", async t => {
  const { host, script } = await kitBench(t)
  await must(host, 'ip link add br7 address 52:54:00:77:77:77 type bridge')
  const before = await host.snapshot()
  t.equal((await script(`${start} --bridge br8`)).stderr, 'run-evc.sh: There is no bridge "br8" on this machine. Those it has: br7. Without --bridge a network of its own is made.\n')
  t.equal((await script(`${start} --bridge br7`)).exitCode, 0)
  t.match((await host.on(['ip', '-br', 'link', 'show', 'master', 'br7'])).stdout, /^evctap0 /)
  await script(stop)
  same(t, await host.snapshot(), before)
  await must(host, 'ip link add evcbr0 type bridge')
  const foreign = await script(start)
  t.equal(foreign.exitCode, 3)
  t.equal(foreign.stderr, 'run-evc.sh: There is a device evcbr0 on this machine that run-evc.sh has not made. Use it if it is yours: --bridge evcbr0, or remove it: sudo ip link delete evcbr0\n')
  t.equal((await host.on(['ip', 'link', 'show', 'evcbr0'])).exitCode, 0, 'it is still there')
})

t.test('says in one sentence that a bridge needs root, and goes without', async t => {
  const { directory, host, script, state } = await kitBench(t)
  const nobody = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
  for (const folder of [directory, join(directory, 'kit')]) chmodSync(folder, 0o777)
  const run = async (...args: string[]) =>
    await host.on(['setpriv', ...nobody.slice(1), 'env', `EVC_STATE=${state}`, `QEMU=${fixture('play-qemu.sh')}`, join(directory, 'kit', 'run-evc.sh'), '--accel', 'tcg', '--memory', '512', ...args])
  const refused = await run()
  t.same([refused.exitCode, refused.stderr], [3, 'run-evc.sh: A network of its own needs root: sudo ./run-evc.sh. Without root, on ports of this machine: ./run-evc.sh --user\n'])
  const before = await host.snapshot()
  chmodSync(join(directory, 'kit', readDisk(directory)), 0o666)
  const user = await run('--user')
  t.equal(user.exitCode, 0, user.stderr)
  t.match(user.stdout, /^page     http:\/\/127\.0\.0\.1:\d+\/\nconsole  https:\/\/127\.0\.0\.1:\d+\/\n/)
  same(t, await host.snapshot(), before, 'nothing of the machine is changed')
  await script(stop)
  t.notOk(existsSync(state))
})

function readDisk(directory: string): string {
  const facts = readFileSync(join(directory, 'kit', 'evc-host.sh'), 'utf8')
  return /^disk_name='(.*)'$/m.exec(facts)?.[1] ?? ''
}
