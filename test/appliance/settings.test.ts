/** First-boot settings from every source, right and wrong, read by the guest's own reader. */
import { mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { guestFolder } from '../fixtures/guest-folder.js'
import type { GuestFolder } from '../fixtures/guest-folder.js'
import { realDeps } from '../fixtures/target-contract.js'

const reader = fileURLToPath(new URL('../../kickstarts/ciab/first-boot/usr/lib/evc/read-settings', import.meta.url))
const key = `ssh-ed25519 AAAA${'C3NzaC1lZDI1NTE5AAAAI'.repeat(3)} me@here`

/** @param files by name, as gather_settings leaves them */
async function read(folder: string, files: Readonly<Record<string, string | Buffer>>) {
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content)
  const { stdout, stderr } = await realDeps.run(['python3', '-B', reader, folder])
  return { set: stdout.trim().split('\n').filter(Boolean), problems: stderr.trim().split('\n').filter(Boolean) }
}

/** A record as hv_kvp_daemon keeps it. */
function pair(name: string, value: string): Buffer {
  const record = Buffer.alloc(2560)
  record.write(name, 0)
  record.write(value, 512)
  return record
}

const network2 = `version: 2\nethernets:\n  any:\n    addresses: [192.168.1.5/24]\n    routes: [{ to: default, via: 192.168.1.1 }]\n    nameservers: { addresses: [192.168.1.1, 9.9.9.9] }\n`
const network1 = `version: 1\nconfig:\n- type: physical\n  name: eth0\n  subnets:\n  - { type: static, address: 10.1.0.5, netmask: 255.255.0.0, gateway: 10.1.0.1 }\n`
const addressed = ['SET_ADDRESS=192.168.1.5/24', "SET_DNS='192.168.1.1 9.9.9.9'", 'SET_GATEWAY=192.168.1.1']

const right: Record<string, { files: Readonly<Record<string, string | Buffer>>; set: readonly string[] }> = {
  'NoCloud meta-data and user-data': {
    files: { '1-cidata-meta-data': `local-hostname: Box\npublic-keys:\n  - ${key}\n`, '1-cidata-user-data': '#cloud-config\npassword: correct horse\n' },
    set: ['SET_HOSTNAME=box', "SET_PASSWORD='correct horse'", `SET_SSH_KEY='${key}'`],
  },
  'NoCloud network-config, version 2': { files: { '1-cidata-network-config': network2 }, set: addressed },
  'NoCloud network-config, version 1': { files: { '1-cidata-network-config': network1 }, set: ['SET_ADDRESS=10.1.0.5/16', 'SET_GATEWAY=10.1.0.1'] },
  'a disk labelled EVC': { files: { '1-EVC-evc.conf': '# mine\nhostname=box\naddress = 192.168.1.5/24\ngateway=192.168.1.1\ndns=192.168.1.1, 9.9.9.9\n' }, set: [...addressed, 'SET_HOSTNAME=box'] },
  'VMware guestinfo': { files: { '2-guestinfo-evc.conf': 'hostname=box\n', '2-guestinfo-userdata': `#cloud-config\nssh_authorized_keys: [${key}]\n` }, set: ['SET_HOSTNAME=box', `SET_SSH_KEY='${key}'`] },
  'Hyper-V pairs': { files: { '3-hyperv': Buffer.concat([pair('other', 'x'), pair('evc.hostname', 'box')]) }, set: ['SET_HOSTNAME=box'] },
  'kernel arguments, which are the strongest': { files: { '1-EVC-evc.conf': 'hostname=weak\n', '9-kernel-arguments': 'quiet evc.hostname=box evc.password="with a space"\n' }, set: ['SET_HOSTNAME=box', "SET_PASSWORD='with a space'"] },
  'a password as its hash': { files: { '1-EVC-evc.conf': `password=$6$abc$${'x'.repeat(86)}\n` }, set: [`SET_PASSWORD='$6$abc$${'x'.repeat(86)}'`] },
}

for (const [source, { files, set }] of Object.entries(right)) {
  t.test(`takes ${source}`, async t => t.same(await read(t.testdir({}), files), { set, problems: [] }))
}

const wrong: Record<string, { files: Readonly<Record<string, string | Buffer>>; problems: readonly string[]; set?: readonly string[] }> = {
  'values that cannot be': {
    files: { '1-EVC-evc.conf': 'hostname=my_box\naddress=192.168.1.0/24\ngateway=1.2.3\ndns=x\nssh-key=mine\npassword=short\ncolour=red\n' },
    problems: [
      'EVC-evc.conf: line 7 is no setting; settings are hostname, address, gateway, dns, ssh-key, password',
      'hostname: "my_box" is no host name',
      "address: 192.168.1.0/24 is the network's own or broadcast address",
      'gateway: "1.2.3" is no IPv4 address', 'dns: "x" is no IPv4 address', 'ssh-key: 1 of 1 keys is no OpenSSH public key',
      'password: has 8 to 128 printable ASCII characters; this one has not',
    ],
  },
  'a gateway outside of the network': {
    files: { '1-EVC-evc.conf': 'address=192.168.1.5/24\ngateway=10.0.0.1\n' }, set: ['SET_ADDRESS=192.168.1.5/24'],
    problems: ['gateway: 10.0.0.1 is not in the network of 192.168.1.5/24'],
  },
  'YAML that is none': { files: { '1-cidata-meta-data': 'a: [1\n' }, problems: ['cidata-meta-data: is no YAML (line 2)'] },
  'a script as user-data': { files: { '1-cidata-user-data': '#!/bin/sh\nreboot\n' }, problems: ['cidata-user-data: does not begin with "#cloud-config"; scripts are not run'] },
  'shapes that nobody expects': { files: { '1-cidata-network-config': 'version: 1\nconfig: 7\n', '1-cidata-user-data': '#cloud-config\nusers: 5\nhostname: [a]\n' }, problems: ['cidata-network-config: names no network card', 'hostname: "[\'a\']" is no host name'] },
  'bytes of any kind': { files: { '1-EVC-evc.conf': Buffer.from([0xff, 0xfe, 0, 1]), '3-hyperv': Buffer.from('short') }, problems: ['EVC-evc.conf: line 1 is no setting; settings are hostname, address, gateway, dns, ssh-key, password'] },
}

for (const [what, { files, problems, set = [] }] of Object.entries(wrong)) {
  t.test(`names ${what} and goes on`, async t => t.same(await read(t.testdir({}), files), { set, problems }))
}

t.test('never repeats a password that it does not take', async t => {
  const { problems } = await read(t.testdir({}), { '1-EVC-evc.conf': 'password=s3cr3t\n' })
  t.notMatch(problems.join(), 's3cr3t')
  t.equal(problems.length, 1)
})

/** The first-boot step itself, in a folder that stands in for the machine. */
function stepped(test: Pick<typeof t, 'testdir'>, commandLine: string): GuestFolder {
  const guest = guestFolder(test.testdir({}))
  guest.write('proc/cmdline', `${commandLine}\n`)
  guest.stub('systemd-detect-virt', 'echo qemu')
  for (const name of ['hostname', 'sync', 'chown', 'networkctl']) guest.stub(name)
  guest.write('etc/hosts', '127.0.0.1\tlocalhost\n')
  return guest
}

const step = (guest: GuestFolder) => guest.sh(`EVC_ETC='${guest.path('etc')}' "$EVC_LIB/steps/07-settings"`)

t.test('where nobody has given any, no more than the kind of machine is asked for, and later ones are not taken', async t => {
  const guest = stepped(t, 'root=LABEL=root quiet')
  t.equal(step(guest).code, 0)
  t.same(guest.calls(), ['systemd-detect-virt '])
  guest.write('proc/cmdline', 'evc.hostname=late\n')
  t.equal(step(guest).code, 0)
  t.equal(guest.read('etc/hostname'), '')
})

t.test('the right ones are taken over, a wrong one is told and stops nothing', async t => {
  const guest = stepped(t, 'root=LABEL=root evc.hostname=box7 evc.address=no-address evc.password=long-enough-secret')
  const { code, stdout } = step(guest)
  t.equal(code, 0)
  t.equal(guest.read('etc/hostname'), 'box7\n')
  t.match(guest.read('credentials'), 'password: long-enough-secret\n')
  t.equal(guest.read('run/facts/settingsProblem'), 'address: "no-address" is no address like 192.168.1.5/24')
  t.notMatch(stdout, 'long-enough-secret')
})

t.test('an address is taken by one card, by a file that comes before the fallback and before that of all cards', async t => {
  const guest = stepped(t, 'evc.address=192.168.7.5/24 evc.gateway=192.168.7.1 evc.dns=192.168.7.1')
  mkdirSync(guest.path('device'), { recursive: true })
  mkdirSync(guest.path('sys/class/net/ens3'), { recursive: true })
  symlinkSync(guest.path('device'), guest.path('sys/class/net/ens3/device'))
  guest.write('sys/class/net/ens3/type', '1\n')
  guest.write('sys/class/net/ens3/flags', '0x1003\n')
  guest.write('sys/class/net/ens3/carrier', '1\n')
  // A card that is down: only systemd-networkd switches cards here, and would not know of another's doing.
  guest.write('sys/class/net/ens4/type', '1\n')
  guest.write('sys/class/net/ens4/flags', '0x1002\n')
  symlinkSync(guest.path('device'), guest.path('sys/class/net/ens4/device'))
  for (const name of ['ip', 'sleep']) guest.stub(name)
  t.equal(step(guest).code, 0)
  t.notOk(guest.calls().some(call => call.startsWith('ip ')))
  const [file = ''] = readdirSync(guest.path('etc/systemd/network'))
  // systemd.network(5): of all files in the order of their names only the first that fits a card counts.
  t.same([file, '04-evc-fallback.network', '05-evc-uplink.network'].sort()[0], file)
  t.match(guest.read(`etc/systemd/network/${file}`), /^Name=ens3\n[^]*\[Network\]\nAddress=192\.168\.7\.5\/24\n[^]*Gateway=192\.168\.7\.1\nDNS=192\.168\.7\.1\n$/m)
  t.ok(guest.calls().includes('networkctl reload'))
})
