/** evc-reset of the eucalyptus appliance, cut short at each of its writes: begun is done, and done again changes nothing. */
import t from 'tap'
import { readdirSync, rmSync } from 'node:fs'
import { EucalyptusMachine } from '../fixtures/eucalyptus-cloud.js'

/** What a copy makes of itself, by its place. */
const made = [
  'root/credentials', 'root/.euca/euca-admin.ini', 'root/.aws/config', 'home/evc/demo.pem', 'home/evc/.ssh/authorized_keys', 'home/evc/.euca/demo.ini',
  'etc/ssh/ssh_host_rsa_key', 'etc/ssh/ssh_host_rsa_key.pub', 'var/lib/dbus/machine-id', 'etc/iscsi/initiatorname.iscsi', 'etc/pki/libvirt/servercert.pem',
  'etc/pki/CA/cacert.pem', 'etc/pki/tls/certs/eucaconsole.crt', 'etc/pki/tls/private/eucaconsole.key', 'etc/eucaconsole/session-keys.ini',
  'var/lib/eucalyptus/keys/cloud-cert.pem', 'var/lib/eucalyptus/keys/evc-1/node-pk.pem', 'var/lib/eucalyptus/db/data', 'var/lib/eucalyptus/volumes/vol-1',
  'var/lib/eucalyptus/nc_state.xml', 'var/lib/evc/cloud-address', 'var/lib/evc/done/used', 'var/lib/evc/done/password', 'var/lib/evc/done/demo-key',
] as const

async function usedMachine(folder: string): Promise<EucalyptusMachine> {
  const box = await EucalyptusMachine.create(folder)
  for (const name of made) box.write(name, name)
  box.write('etc/machine-id', '0123456789abcdef0123456789abcdef\n')
  box.write('etc/evc/settings', 'address = 10.7.0.5/24\n')
  return box
}

const left = (box: EucalyptusMachine) => made.filter(name => box.has(name))
const reset = (box: EucalyptusMachine) => box.run(box.path('usr/sbin/evc-reset'), ['--yes'])
const nextBoot = (box: EucalyptusMachine) => box.run(`${box.lib}/reset-copy`)

/** Programs that write or delete; each call of one is a moment. */
const writers = ['rm', 'find', 'usermod', 'sync']

/** From here on the n-th call of a writing program is the last thing that happens. */
function cutAt(box: EucalyptusMachine, call: number): void {
  box.write('../calls-left', String(call))
  for (const name of writers) {
    // It may be a link to the stand-in.
    rmSync(box.path(`../bin/${name}`), { force: true })
    box.write(`../bin/${name}`, `#!/bin/sh
left=$(cat '${box.path('../calls-left')}')
[ "$left" -gt 0 ] || kill -9 0
printf '%s' $((left - 1)) >'${box.path('../calls-left')}'
case ${name} in rm | find) exec /usr/bin/${name} "$@" ;; esac
`, 0o755)
  }
}

t.test('takes out what the copy has made, also its machine id and SSH host keys, and leaves its owner\'s settings', async t => {
  const box = await usedMachine(t.testdir({}))
  t.equal((await reset(box)).code, 0)
  t.same([left(box).length, box.read('etc/machine-id')], [made.length, ''], 'systemd makes a new one; all else waits for the restart')
  t.match(box.calls, ['sync ', 'sync ', 'systemctl reboot'])
  const { code, output } = await nextBoot(box)
  t.equal(code, 0, output)
  t.same(left(box), [])
  t.match(box.calls.at(-2), 'usermod --lock evc')
  t.same(readdirSync(box.path('var/lib/evc')), [])
  for (const folder of ['var/lib/eucalyptus/keys', 'run/eucalyptus/net']) t.ok(box.has(folder), `${folder} keeps its owner`)
  t.ok(box.has('etc/evc/settings'))
})

t.test('cut short at any write of the next boot, the boot after it erases what is left', async t => {
  const box = await usedMachine(t.testdir({}))
  await reset(box)
  let cuts = 0
  for (; box.has('var/lib/evc/reset') && cuts < 50; cuts++) {
    for (const name of made) box.write(name, name)
    cutAt(box, cuts)
    const { code } = await nextBoot(box)
    if (code !== 0) t.ok(box.has('var/lib/evc/reset'), `cut ${cuts} keeps the wish`)
  }
  t.ok(cuts > 10, `${cuts} moments`)
  t.same(left(box), [])
})

t.test('it is carried out before systemd makes places for what runs', async t => {
  const box = await EucalyptusMachine.create(t.testdir({}))
  t.match(box.read('etc/systemd/system/evc-reset.service'), /^Before=systemd-tmpfiles-setup\.service /m)
})

t.test('cut short before the wish is on the disk, it was not made; after that it is', async t => {
  for (const [moment, wished] of [['before sync', false], ['before systemctl reboot', true]] as const) {
    const box = await usedMachine(t.testdir({ [moment.replaceAll(' ', '-')]: {} }))
    box.tell('kill', moment)
    t.not((await reset(box)).code, 0)
    t.same([box.has('var/lib/evc/reset'), left(box).length], [wished, made.length], moment)
  }
})

t.test('a reset that could not be carried out is told, and nothing is set up over what is left', async t => {
  const box = await usedMachine(t.testdir({}))
  await reset(box)
  box.tell('fail/usermod', 'the disk is read-only')
  const { states } = await box.boot()
  t.match(states.at(-1), { state: 'failed', step: 'reset', reason: 'the reset that was asked for was not carried out: journalctl -u evc-reset' })
  t.equal(states.length, 2)
})
