/** Settings of the first boot that are wrong, and commands that fail: told at once, with the step and the reason. */
import t from 'tap'
import { EucalyptusMachine } from '../fixtures/eucalyptus-cloud.js'

const cases: Readonly<Record<string, { settings?: string; fail?: readonly [string, string]; step: string; reason: string }>> = {
  'an address without prefix length': {
    settings: 'address = 10.7.0.5\n',
    step: 'network',
    reason: 'the setting address = 10.7.0.5 has no prefix length: write it like 192.168.42.2/24',
  },
  'an address that is none': {
    settings: 'address = 10.7.0.500/24\n',
    step: 'network',
    reason: 'the setting address = 10.7.0.500/24 is no IPv4 address with a prefix length from 8 to 30',
  },
  'a gateway that is a command': {
    settings: 'gateway = $(reboot)\n',
    step: 'network',
    reason: 'the setting gateway = $(reboot) is no IPv4 address',
  },
  'a gateway with a prefix length': {
    settings: 'gateway = 192.168.42.1/24\n',
    step: 'network',
    reason: 'the setting gateway = 192.168.42.1/24 is no IPv4 address',
  },
  'an address with a leading zero': {
    settings: 'address = 10.07.0.5/24\n',
    step: 'network',
    reason: 'the setting address = 10.07.0.5/24 is no IPv4 address with a prefix length from 8 to 30',
  },
  "an address in the cloud's own subnet": {
    settings: 'address = 172.31.0.9/24\ngateway = 172.31.0.1\n',
    step: 'network',
    reason: "the setting address = 172.31.0.9/24 lies in the cloud's own subnet 172.31.0.1/16: choose one outside of it",
  },
  "the subnet's last address": {
    settings: 'address = 10.7.0.255/24\ngateway = 10.7.0.1\n',
    step: 'network',
    reason: "the setting address = 10.7.0.255/24 is the subnet's own: choose one of 10.7.0.1-10.7.0.254",
  },
  'a gateway elsewhere': {
    settings: 'address = 192.168.42.7/24\ngateway = 10.9.9.1\n',
    step: 'network',
    reason: 'the setting gateway = 10.9.9.1 is not in the subnet of address = 192.168.42.7/24: choose one of 192.168.42.1-192.168.42.254',
  },
  'a gateway that is this machine': {
    settings: 'address = 192.168.42.1/24\n',
    step: 'network',
    reason: 'the setting gateway = 192.168.42.1 is the address of this machine: choose another one of 192.168.42.1-192.168.42.254',
  },
  "an address among the instances'": {
    settings: 'address = 192.168.42.150/24\n',
    step: 'network',
    reason:
      'the setting public-addresses = 192.168.42.100-192.168.42.199 holds address = 192.168.42.150/24: ' +
      'choose a range inside 192.168.42.1-192.168.42.254 without it, or another address',
  },
  "instances' addresses elsewhere": {
    settings: 'address = 10.7.0.5/24\ngateway = 10.7.0.1\n',
    step: 'network',
    reason:
      'the setting public-addresses = 192.168.42.100-192.168.42.199 is not in the subnet of address = 10.7.0.5/24: ' +
      'choose a range inside 10.7.0.1-10.7.0.254',
  },
  "instances' addresses that end before they begin": {
    settings: 'public-addresses = 192.168.42.199-192.168.42.100\n',
    step: 'network',
    reason:
      'the setting public-addresses = 192.168.42.199-192.168.42.100 is no range of IPv4 addresses: ' +
      'write first-last, like 192.168.42.100-192.168.42.199',
  },
  "instances' addresses with the gateway among them": {
    settings: 'gateway = 192.168.42.110\n',
    step: 'network',
    reason:
      'the setting public-addresses = 192.168.42.100-192.168.42.199 holds gateway = 192.168.42.110: ' +
      'choose a range inside 192.168.42.1-192.168.42.254 without it',
  },
  'a cloud that cannot be initialised (stand-in)': {
    fail: ['clcadmin-initialize-cloud', 'no space left on device'],
    step: 'initialise',
    reason: 'the cloud could not be initialised: /var/log/eucalyptus/cloud-output.log',
  },
}

for (const [title, { settings, fail, step, reason }] of Object.entries(cases)) {
  t.test(`fails with its reason: ${title}`, async t => {
    const box = await EucalyptusMachine.create(t.testdir({}))
    if (settings) box.write('etc/evc/settings', settings)
    if (fail) box.tell(`fail/${fail[0]}`, fail[1])
    const { code, states, output } = await box.boot()
    t.equal(code, 1, output)
    t.match(states.at(-1), { state: 'failed', step, reason })
    if (step === 'network') t.notOk(box.has('etc/sysconfig/network-scripts/ifcfg-eth0'), 'nothing was configured')
  })
}

t.test('a setting is text: comments, blanks and the last of equal ones', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.endAfter('20')
  box.write('etc/evc/settings', '# mine\n  address=10.7.0.4/24\naddress = 10.7.0.5/16 # the right one\ngateway = 10.7.0.1\npublic-addresses = 10.7.3.1-10.7.3.9\n')
  await box.boot()
  t.match(box.read('etc/sysconfig/network-scripts/ifcfg-eth0'), 'IPADDR=10.7.0.5\nPREFIX=16\nGATEWAY=10.7.0.1\nDNS1=10.7.0.1\n')
})

const elsewhere = 'address = 10.7.0.5/24\ngateway = 10.7.0.1\npublic-addresses = 10.7.0.100-10.7.0.150\n'

t.test('a cloud that was never used is made anew at a changed address, with nothing of the old one', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.tell('fail/euca-run-instances', 'no capacity')
  t.match((await box.boot()).states.at(-1), { state: 'failed', step: 'demo-instance' })
  const certificate = box.read('var/lib/eucalyptus/keys/cloud-cert.pem')
  box.forget('fail/euca-run-instances')
  box.write('etc/evc/settings', elsewhere)
  const { states, output } = await box.boot()
  t.match(states.at(-1), { state: 'ready', address: '10.7.0.5' }, output.slice(-1500))
  t.match(output, 'the cloud was begun at 192.168.42.2 and never used: it is made anew at 10.7.0.5')
  t.not(box.read('var/lib/eucalyptus/keys/cloud-cert.pem'), certificate)
  t.notMatch(box.read('etc/eucalyptus/eucalyptus.conf') + box.read('etc/eucalyptus/network.yaml'), '192.168.42')
})

t.test('a cloud that came to ready without a demo image in it is used: what lies there stays at a changed address', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.remove('usr/share/evc/demo.raw')
  t.match((await box.boot()).states.at(-1), { state: 'ready' })
  box.write('var/lib/eucalyptus/volumes/vol-1', 'of its owner')
  box.write('etc/evc/settings', elsewhere)
  t.match((await box.boot()).states.at(-1), { state: 'failed', step: 'network', reason: /^this cloud was made at 192\.168\.42\.2 and is now to have 10\.7\.0\.5/ })
  t.equal(box.read('var/lib/eucalyptus/volumes/vol-1'), 'of its owner')
})

t.test('a copy that was set up before there was the marker of use is used by that of its demo instance', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.write('var/lib/evc/done/demo-instance', '')
  box.write('var/lib/evc/cloud-address', '192.168.42.2\n')
  box.write('etc/evc/settings', elsewhere)
  t.match((await box.boot()).states.at(-1), { state: 'failed', step: 'network', reason: /^this cloud was made at 192\.168\.42\.2/ })
})

t.test('settings on a disk with the label EVC are taken over (mounting is played)', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.endAfter('20')
  box.write('dev/disk/by-label/EVC', '')
  box.write('run/evc/settings/evc.conf', elsewhere)
  await box.boot()
  t.equal(box.read('etc/evc/settings'), elsewhere)
  t.match(box.read('etc/sysconfig/network-scripts/ifcfg-eth0'), 'IPADDR=10.7.0.5\n')
})
