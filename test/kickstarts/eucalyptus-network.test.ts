/** Which network card the eucalyptus appliance takes, on machines with two of them (a folder; links are played). */
import t from 'tap'
import { EucalyptusMachine } from '../fixtures/eucalyptus-cloud.js'

const configured = (box: EucalyptusMachine) => ['eth0', 'eth1'].filter(name => box.has(`etc/sysconfig/network-scripts/ifcfg-${name}`))
const addressed = (box: EucalyptusMachine) => ['eth0', 'eth1'].filter(name => box.cloud(`address/${name}`) !== undefined)

/** From here on waiting takes no time; after so many seconds of it the card has a link. */
function linkAfter(box: EucalyptusMachine, card: string, seconds: number): void {
  const clock = box.path('../clock')
  box.write('../clock', '1000')
  box.write('../bin/date', `#!/bin/sh\ncut -d. -f1 '${clock}'\n`, 0o755)
  box.write('../bin/sleep', `#!/bin/sh
now=$(awk -v by="$1" '{ print $1 + by }' '${clock}')
echo "$now" >'${clock}'
[ "\${now%.*}" -lt ${1000 + seconds} ] || echo 1 >'${box.path(`sys/class/net/${card}/carrier`)}'
`, 0o755)
}

t.test('the address is on the card with the cable, and moves only when that has none any more', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  box.endAfter('30')
  box.addCard('eth1')
  box.tell('no-cable/eth0', '')
  const again = async () => {
    for (const step of ['20-network', '30-configuration']) t.equal((await box.run(`${box.lib}/steps/${step}`)).code, 0, step)
  }

  t.test('no card is up at the first boot: they are switched on to look, and the one without a cable off again', async t => {
    const { states, output } = await box.boot()
    t.match(states.at(-1), { state: 'ready' }, output)
    t.same([configured(box), addressed(box)], [['eth1'], ['eth1']])
    t.match(box.read('etc/eucalyptus/eucalyptus.conf'), /^VNET_PUBINTERFACE="eth1"$/m)
    t.match([box.read('sys/class/net/eth0/flags'), box.read('sys/class/net/eth1/flags')], ['0x1002\n', '0x1003\n'])
  })

  t.test('a cable in the first card, too, moves it nowhere, and that card is not even switched on', async t => {
    box.forget('no-cable/eth0')
    const before = box.calls.length
    await again()
    t.same([configured(box), addressed(box)], [['eth1'], ['eth1']])
    t.same(box.calls.slice(before).filter(call => call.startsWith('ip link')), [])
  })

  t.test('it is waited for longer than a switch takes after a power cut, and moves nowhere meanwhile', async t => {
    box.write('sys/class/net/eth1/carrier', '0\n')
    const before = box.calls.length
    linkAfter(box, 'eth1', 90)
    const { code, output } = await box.run('env', ['EVC_POLL_SECONDS=5', 'EVC_WAIT_PERCENT=100', `${box.lib}/steps/20-network`])
    t.equal(code, 0, output)
    for (const name of ['sleep', 'date']) box.remove(`../bin/${name}`)
    t.equal(box.read('sys/class/net/eth1/carrier'), '1\n')
    t.same([configured(box), addressed(box)], [['eth1'], ['eth1']])
    t.same(box.calls.slice(before).filter(call => call.startsWith('ip link')), [])
  })

  t.test('without its own cable it moves, and leaves nothing on the other card', async t => {
    box.tell('no-cable/eth1', '')
    box.write('sys/class/net/eth1/carrier', '0\n')
    await again()
    t.same([configured(box), addressed(box)], [['eth0'], ['eth0']])
    t.match(box.read('etc/eucalyptus/eucalyptus.conf'), /^VNET_PUBINTERFACE="eth0"$/m)
  })
})

t.test('what changes in the settings is taken at once, and what does not restarts no network', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  const restarts = () => box.calls.filter(call => call === 'systemctl restart network').length
  const step = async () => t.equal((await box.run(`${box.lib}/steps/20-network`)).code, 0)
  box.endAfter('20')
  await box.boot()
  t.equal(restarts(), 1)
  const table = [['', 1], ['gateway = 192.168.42.9', 2], ['gateway = 192.168.42.9\ndns = 192.168.42.7', 3], ['dns = 192.168.42.7\ngateway = 192.168.42.9', 3]] as const
  for (const [settings, wanted] of table) {
    box.write('etc/evc/settings', `${settings}\n`)
    await step()
    t.equal(restarts(), wanted, settings)
  }
  t.match(box.read('etc/sysconfig/network-scripts/ifcfg-eth0'), /^GATEWAY=192\.168\.42\.9\nDNS1=192\.168\.42\.7$/m)
  t.test('also when the step was killed between file and restart', async t => {
    box.write('etc/evc/settings', 'gateway = 192.168.42.8\n')
    box.tell('kill', 'before systemctl restart network')
    t.equal((await box.run(`${box.lib}/steps/20-network`)).code, null)
    t.equal((await box.run(`${box.lib}/steps/20-network`)).code, 0)
    t.equal(restarts(), 5, 'the killed one, and the next')
  })
})
