/** The first boot of the eucalyptus appliance, run in a folder against a stand-in for Eucalyptus' commands. */
import t from 'tap'
import { X509Certificate } from 'node:crypto'
import { statSync } from 'node:fs'
import { EucalyptusMachine } from '../fixtures/eucalyptus-cloud.js'
import type { Boot } from '../fixtures/eucalyptus-cloud.js'

const ending = ({ states }: Boot) => {
  const { state, step, reason } = states.at(-1) ?? {}
  return { state, step, reason }
}
const ready = { state: 'ready', step: undefined, reason: undefined }
const credentials = (box: EucalyptusMachine) =>
  Object.fromEntries(box.read('root/credentials').trim().split('\n').map(line => line.split(': ') as [string, string]))

t.test('a new machine against the stand-in: ready, secrets made and shown to nobody, then a second boot and a reset', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  const first = await box.boot()
  t.same(ending(first), ready, first.output)

  t.test('states come in order, those of a longer part name the step', async t => {
    t.same([...new Set(first.states.map(({ state }) => state))], ['booting', 'identity', 'network', 'cloud', 'demo', 'ready'])
    const cloud = first.states.filter(({ state }) => state === 'cloud').map(({ step }) => step)
    t.same(cloud, ['configuration', 'bridge', 'initialise', 'start', 'services', 'backends', 'keys', 'node', 'network-document', 'credentials', 'console'])
  })

  t.test('the machine has its static address, its name, and a cloud configured for it', async t => {
    t.match(box.read('etc/sysconfig/network-scripts/ifcfg-eth0'), /^BOOTPROTO=none\nIPADDR=192\.168\.42\.2\nPREFIX=24\nGATEWAY=192\.168\.42\.1$/m)
    t.match(box.read('etc/hosts'), /^192\.168\.42\.2 evc\.evc\.lan evc$/m)
    t.match(box.read('etc/eucalyptus/eucalyptus.conf'), /^CLOUD_OPTS="-Xmx1g --bind-addr=192\.168\.42\.2"$/m)
    t.match(box.read('etc/eucalyptus/network.yaml'), 'PublicIps:\n- 192.168.42.100-192.168.42.199\n')
    t.match(box.read('etc/eucalyptus/network.yaml'), '    Subnet: 172.31.0.0\n    Netmask: 255.255.0.0\n    Gateway: 172.31.0.1\n')
  })

  t.test('without /dev/kvm instances are emulated, and the state says so', async t => {
    t.match(box.read('etc/eucalyptus/eucalyptus.conf'), /^HYPERVISOR="qemu"$/m)
    t.match(first.states.at(-1), { hypervisor: 'qemu', nested: 'unavailable', nestedHint: /^The processor has vmx, but it is locked/ })
  })

  t.test('credentials are what the cloud was told, for root only, and nowhere in what was said', async t => {
    const found = credentials(box)
    t.same(Object.keys(found).sort(), ['admin-password', 'console', 'console-account', 'console-password', 'console-user', 'password', 'user'])
    t.equal(statSync(box.path('root/credentials')).mode & 0o777, 0o600)
    t.equal(box.cloud('login/demo'), found['console-password'])
    t.equal(box.cloud('login/eucalyptus'), found['admin-password'])
    t.equal(box.cloud('chpasswd'), `evc:${found['password']}\n`)
    const said = first.output + box.read('run/evc/www/state.json')
    for (const name of ['password', 'admin-password', 'console-password']) t.notMatch(said, found[name] ?? 'none', name)
    t.notMatch(said, 'PRIVATE KEY')
    t.equal(statSync(box.path('home/evc/demo.pem')).mode & 0o777, 0o600)
    t.equal(box.ownerOf('home/evc/demo.pem'), 'evc:evc')
  })

  t.test('the console has its ports, the landing page keeps port 80', async t => {
    const console = box.read('etc/eucaconsole/nginx.conf')
    t.same([...console.matchAll(/listen (.*);/g)].map(([, port]) => port), ['192.168.42.2:443 ssl', '192.168.42.2:8888 ssl'])
    t.same([...box.read('etc/nginx/nginx.conf').matchAll(/listen (.*);/g)].map(([, port]) => port), ['80 default_server'])
    t.match(box.read('etc/eucaconsole/console.ini'), /^ufshost = 192\.168\.42\.2$/m)
  })

  t.test('the console\'s certificate can be compared: its fingerprint is in the state and on the screen', async t => {
    const { fingerprint256 } = new X509Certificate(box.read('etc/pki/tls/certs/eucaconsole.crt'))
    t.equal(first.states.at(-1)?.['fingerprint'], fingerprint256)
    t.match(box.read('run/evc/issue'), `Certificate (SHA-256): ${fingerprint256}\n`)
    t.match(box.read('usr/share/evc/www/index.html'), '<code id="fingerprint">')
  })

  t.test('the next boot starts what must run, and makes nothing again', async t => {
    const before = credentials(box)
    const calls = box.calls.length
    box.powerOff()
    const second = await box.boot()
    t.same(ending(second), ready, second.output)
    const made = box.calls.slice(calls).filter(line => /^(clcadmin-init|euserv-register|euare-.*(create|add|mod)|euca-(create|run|install))/.test(line))
    t.same(made, [])
    t.same(credentials(box), before)
  })

  t.test('a used cloud whose address is changed fails with the way out, and loses nothing', async t => {
    box.write('etc/evc/settings', 'address = 10.7.0.5/24\ngateway = 10.7.0.1\npublic-addresses = 10.7.0.100-10.7.0.150\n')
    const certificate = box.read('var/lib/eucalyptus/keys/cloud-cert.pem')
    t.same(ending(await box.boot()), {
      state: 'failed',
      step: 'network',
      reason:
        'this cloud was made at 192.168.42.2 and is now to have 10.7.0.5, which it cannot take: ' +
        'set the address back in /etc/evc/settings, or erase the cloud and all that is in it with: sudo evc-reset',
    })
    t.equal(box.read('var/lib/eucalyptus/keys/cloud-cert.pem'), certificate)
  })

  t.test('evc-reset erases nothing unasked, then returns the machine to its first boot, at the new address', async t => {
    const refused = await box.run(box.path('usr/sbin/evc-reset'))
    t.equal(refused.code, 1)
    t.match(refused.output, 'Nothing was changed.')
    t.ok(box.has('var/lib/eucalyptus/keys/cloud-cert.pem'))
    const before = credentials(box)
    const certificate = box.read('var/lib/eucalyptus/keys/cloud-cert.pem')
    const reset = await box.run(box.path('usr/sbin/evc-reset'), ['--yes'])
    t.equal(reset.code, 0, reset.output)
    t.ok(box.has('var/lib/eucalyptus/db/data'), 'the next boot erases')
    box.powerOff()
    const again = await box.boot()
    t.same(ending(again), ready, again.output)
    t.equal(again.states.at(-1)?.['address'], '10.7.0.5')
    t.not(box.read('var/lib/eucalyptus/keys/cloud-cert.pem'), certificate)
    for (const name of ['password', 'admin-password', 'console-password']) t.not(credentials(box)[name], before[name], name)
  })
})
