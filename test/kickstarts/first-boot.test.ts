/** The engine of the first boot and what its steps share, run in an empty folder. */
import t from 'tap'
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { guestFolder } from '../fixtures/guest-folder.js'
import type { GuestFolder } from '../fixtures/guest-folder.js'

const resetUnit = readFileSync(new URL('../../kickstarts/ciab/first-boot/etc/systemd/system/evc-reset.service', import.meta.url), 'utf8')

const common = '. "$EVC_LIB/common.sh"\n'
const network = `${common}. "$EVC_LIB/network.sh"\n`

/** Only these steps, in place of the appliance's own. */
function withSteps(guest: GuestFolder, steps: Readonly<Record<string, string>>): GuestFolder {
  rmSync(guest.path('lib/steps'), { recursive: true })
  for (const [name, text] of Object.entries(steps)) guest.write(`lib/steps/${name}`, `#!/bin/sh\n${text}\n`)
  for (const device of ['tty1', 'ttyS0']) guest.write(`dev/${device}`, '')
  guest.stub('agetty')
  return guest
}

const states = (text: string) => [...text.matchAll(/^EVC (\{.*\})$/gm)].map(([, json = '']) => JSON.parse(json) as Record<string, string>)

t.test('runs the steps in order and tells each state in state.json, on the log and on every console', async t => {
  const guest = withSteps(guestFolder(t.testdir({})), { '10-identity': 'true', '20-network': '. "$EVC_LIB/common.sh"; set_fact address 10.0.0.5' })
  const { code, stdout } = guest.sh('"$EVC_LIB/first-boot"')
  t.equal(code, 0)
  t.same(states(stdout).map(({ state }) => state), ['booting', 'identity', 'network', 'ready'])
  t.same(JSON.parse(guest.read('run/www/state.json')), {
    state: 'ready', appliance: 'ciab', version: '1', address: '10.0.0.5', uptimeSeconds: 12,
  })
  for (const console of ['dev/tty1', 'dev/ttyS0']) t.match(guest.read(console), /^EVC \{"state":"ready"/m, console)
})

t.test('a step that fails ends the boot with its own word; the next boot begins anew', async t => {
  const step = '. "$EVC_LIB/common.sh"\n[ -e "$EVC_STATE/second" ] || { : >"$EVC_STATE/second"; fail "no \\"route\\" to 1.2.3.4"; }'
  const guest = withSteps(guestFolder(t.testdir({})), { '20-network': step, '40-cloud': 'true' })
  const first = states(guest.sh('"$EVC_LIB/first-boot"').stdout)
  t.match(first.at(-1), { state: 'failed', step: 'network', reason: 'no "route" to 1.2.3.4' })
  t.equal(first.some(({ state }) => state === 'cloud'), false)
  t.equal(states(guest.sh('"$EVC_LIB/first-boot"').stdout).at(-1)?.['state'], 'ready')
})

t.test('a step without a word of its own is told by its last line, or by its time limit', async t => {
  const table = {
    'echo one; echo "two is wrong"; exit 3': 'two is wrong',
    'exit 3': 'ended with exit code 3',
    '# limit: 1 s\nsleep 30': 'did not end within 1 s',
  }
  for (const [index, [step, reason]] of Object.entries(table).entries()) {
    const guest = withSteps(guestFolder(t.testdir({ [`case-${index}`]: {} })), { '20-network': step })
    t.match(states(guest.sh('"$EVC_LIB/first-boot"').stdout).at(-1), { state: 'failed', reason }, reason)
  }
})

t.test('whatever a program printed, the state is one line of JSON', async t => {
  const guest = guestFolder(t.testdir({}))
  const { stdout } = guest.sh(`${common}. "$EVC_LIB/report.sh"\njson_string "$(printf 'a\\tb "c" \\\\ ü\\033[1m')"`)
  t.equal(JSON.parse(stdout), 'a b "c" \\ ?? [1m')
})

t.test('what was done once is not done again; what was cut short is begun again and told so', async t => {
  const guest = guestFolder(t.testdir({}))
  const run = (body: string) => guest.sh(`${common}work() { echo "again=$again"; ${body}; }\nonce thing work; echo "code $?"`).stdout
  t.equal(run('return 1'), 'again=\ncode 1\n')
  t.equal(run('kill -9 $$'), 'again=yes\n', 'as by a power cut')
  t.equal(run('true'), 'again=yes\ncode 0\n')
  t.equal(run('true'), 'code 0\n')
})

t.test('a marker is made only after what the command wrote is on the disk', async t => {
  const guest = guestFolder(t.testdir({}))
  guest.stub('sync', `[ ! -e '${guest.path('state/done/thing')}' ] || echo late >>'${guest.path('late')}'`)
  guest.sh(`${common}once thing true`)
  t.same(guest.calls(), ['sync '])
  t.equal(guest.read('late'), '')
})

t.test('credentials are root\'s alone, one line a key, the last value counts', async t => {
  const guest = guestFolder(t.testdir({}))
  const { stdout } = guest.sh(`${common}set_credential user evc; set_credential api https://a; set_credential api https://b; credential api; stat -c %a "$EVC_CREDENTIALS"`)
  t.equal(stdout, 'https://b\n600\n')
  t.equal(guest.read('credentials'), 'user: evc\napi: https://b\n')
})

t.test('a full disk costs no credentials', { skip: process.getuid?.() === 0 ? false : 'mounting needs root' }, async t => {
  const guest = guestFolder(t.testdir({}))
  const folder = mkdtempSync(join(tmpdir(), 'full-'))
  t.teardown(() => rmSync(folder, { recursive: true }))
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8k', 'tmpfs', folder])
  const at = `EVC_CREDENTIALS='${folder}/credentials'\n`
  guest.sh(`${at}${common}set_credential password secret`)
  guest.sh(`head -c 1000000 /dev/zero >'${folder}/filler' 2>/dev/null`)
  const { code, stderr } = guest.sh(`${at}${common}set_credential api https://x; exit 0`)
  t.equal(code, 1)
  t.match(stderr, /could not write \S+\/credentials: is the disk full\? \(df -h \/\)\n$/)
  t.equal(readFileSync(join(folder, 'credentials'), 'utf8'), 'password: secret\n')
  t.same(readdirSync(folder).sort(), ['credentials', 'filler'])
  execFileSync('umount', [folder])
})

t.test('a copy without a password of its own ends its set-up, in both appliances', async t => {
  const steps = ['ciab/first-boot/usr/lib/evc/steps/10-identity', 'eucalyptus/first-boot/usr/lib/evc/steps/10-identity']
  for (const step of steps) {
    const guest = guestFolder(t.testdir({ [step.split('/', 1)[0] ?? '']: {} }))
    cpSync(new URL('../../kickstarts/eucalyptus/first-boot/usr/lib/evc/eucalyptus.sh', import.meta.url), guest.path('lib/eucalyptus.sh'))
    cpSync(new URL(`../../kickstarts/${step}`, import.meta.url), guest.path('lib/steps/10-identity'))
    guest.write('appliance.env', `${guest.read('appliance.env')}ADDRESS='192.168.42.2/24'\n`)
    for (const name of ['chpasswd', 'sync', 'head']) guest.stub(name)
    t.equal(guest.sh('"$EVC_LIB/steps/10-identity"').code, 1)
    t.same([guest.read('run/reason'), guest.read('credentials')], ['could not make a password\n', ''])
    t.notOk(guest.calls().some(call => call.startsWith('chpasswd')), step)
    rmSync(guest.path('bin/head'))
    t.match(guest.sh(`${common}make_password`).stdout, /^[bcdefghjknprstuvx]{20}$/)
  }
})

t.test('a subnet is free when no route of the machine touches it, but its own bridge\'s', async t => {
  const guest = guestFolder(t.testdir({}))
  guest.stub('ip', "printf 'default via 10.171.86.254 dev eth0\\n10.171.86.0/24 dev eth0\\n10.171.87.0/24 dev incusbr0\\n'")
  t.equal(guest.sh(`${network}free_subnet incusbr0 10.171.86.1/24 10.171.87.1/24`).stdout, '10.171.87.1/24\n')
  t.equal(guest.sh(`${network}free_subnet incusbr0 10.171.86.1/24 || echo none`).stdout, 'none\n')
  t.equal(guest.sh(`${network}free_subnet other 10.171.87.1/24 10.0.0.1/8 || echo none`).stdout, 'none\n')
})

/** A machine with this card; `addresses` holds what `ip address` says of it, once it has one. */
function withCard(guest: GuestFolder): GuestFolder {
  mkdirSync(guest.path('device'), { recursive: true })
  mkdirSync(guest.path('sys/class/net/ens3'), { recursive: true })
  symlinkSync(guest.path('device'), guest.path('sys/class/net/ens3/device'))
  guest.write('sys/class/net/ens3/type', '1\n')
  guest.write('sys/class/net/ens3/carrier', '1\n')
  guest.stub('ip', `case "$*" in *address*) cat '${guest.path('address')}' 2>/dev/null ;; *route*) : ;; esac`)
  return guest
}

/** One more card of a machine, without a cable. */
function addCard(guest: GuestFolder, name: string): void {
  guest.write(`sys/class/net/${name}/type`, '1\n')
  guest.write(`sys/class/net/${name}/carrier`, '0\n')
  symlinkSync(guest.path('device'), guest.path(`sys/class/net/${name}/device`))
}

t.test('the first card with a cable is taken, a preferred one with a cable before it; links are waited for, and cards left as they are', async t => {
  const guest = withCard(guestFolder(t.testdir({})))
  guest.write('sys/class/net/ens3/carrier', '0\n')
  for (const name of ['ens4', 'ens5']) addCard(guest, name)
  // A link takes its time.
  guest.stub('sleep', `echo 1 >'${guest.path('sys/class/net/ens5/carrier')}'`)
  t.equal(guest.sh(`${network}first_card`).stdout, 'ens5\n')
  t.equal(guest.sh(`${network}first_card ens4`).stdout, 'ens5\n', 'a preferred one needs a cable')
  guest.write('sys/class/net/ens3/carrier', '1\n')
  t.equal(guest.sh(`${network}first_card ens5`).stdout, 'ens5\n')
  t.equal(guest.sh(`${network}first_card`).stdout, 'ens3\n')
  t.notOk(guest.calls().some(call => call.startsWith('ip ')))
})

t.test('an address by DHCP is taken as it is', async t => {
  const guest = withCard(guestFolder(t.testdir({})))
  guest.write('address', '2: ens3    inet 10.0.2.15/24 brd 10.0.2.255 scope global ens3\n')
  t.equal(guest.sh('"$EVC_LIB/steps/20-network"').code, 0)
  t.equal(guest.read('run/facts/address'), '10.0.2.15')
  t.equal(guest.read('credentials'), 'api: https://10.0.2.15:8443\n')
  t.equal(guest.read('networkd/04-evc-fallback.network'), '')
})

t.test('where no DHCP server answers, the card takes the fallback address by a file that comes before all others', async t => {
  const guest = withCard(guestFolder(t.testdir({})))
  guest.stub('networkctl', `echo '2: ens3    inet 192.168.42.2/24 scope global ens3' >'${guest.path('address')}'`)
  guest.stub('systemctl')
  t.equal(guest.sh('"$EVC_LIB/steps/20-network"').code, 0)
  const network = guest.read('networkd/04-evc-fallback.network')
  t.match(network, /^Name=ens3\n\n\[Network\]\nAddress=192\.168\.42\.2\/24\nDHCP=ipv4\n/m, 'and asks on')
  t.match(network, /^\[Route\]\nGateway=192\.168\.42\.1\n/m)
  t.ok(guest.calls().includes('systemctl --no-block start evc-follow-dhcp.service'))
  t.ok('04-evc-fallback.network' < '05-evc-uplink.network' && '05-evc-uplink.network' < '10-kickstart.network')
  t.equal(guest.read('run/facts/address'), '192.168.42.2')
})

t.test('the fallback address goes when a DHCP server has answered after all, and the set-up runs again when it has ended', async t => {
  const guest = withCard(guestFolder(t.testdir({})))
  guest.write('networkd/04-evc-fallback.network', '[Match]\n')
  guest.stub('networkctl', `[ ! -e '${guest.path('networkd/04-evc-fallback.network')}' ]`)
  // No lease at first, then a set-up that is still running.
  guest.stub('sleep')
  const after = (word: string, count: number) => `[ "$(grep -c '${word}' '${guest.path('calls')}')" -gt ${count} ]`
  guest.stub('ip', `case "$*" in *dynamic*) if ${after('dynamic', 2)}; then echo '2: ens3    inet 10.0.0.7/24'; fi ;; esac`)
  guest.stub('systemctl', `case "$*" in *is-active*) ! ${after('is-active', 2)} ;; esac`)
  t.equal(guest.sh('"$EVC_LIB/follow-dhcp"').code, 0)
  t.equal(guest.calls().filter(call => call.startsWith('sleep')).length, 4)
  t.same(guest.calls().slice(-2), ['networkctl reload', 'systemctl --no-block start evc-first-boot.service'])
})

t.test('a certificate of Incus that a power cut has emptied is taken away, unless the cloud was set up with it', async t => {
  for (const [certificate, key, done, left] of [['c', 'k', false, true], ['', 'k', false, false], ['c', '', false, false], ['', 'k', true, true]] as const) {
    const guest = guestFolder(t.testdir({ [`${certificate}-${key}-${done}`]: {} }))
    guest.write('incus/server.crt', certificate)
    guest.write('incus/server.key', key)
    if (done) guest.write('state/done/cloud', '')
    t.equal(guest.sh(`INCUS_DIR='${guest.path('incus')}' "$EVC_LIB/mend-certificate"`).code, 0)
    t.same(['crt', 'key'].map(name => existsSync(guest.path(`incus/server.${name}`))), [left, left])
  }
})

t.test('without a network card it says what to do', async t => {
  const guest = guestFolder(t.testdir({}))
  guest.stub('ip')
  guest.stub('sleep')
  t.equal(guest.sh('"$EVC_LIB/steps/20-network"').code, 1)
  t.equal(guest.read('run/reason'), 'there is no network card: add one to this machine and start it again\n')
})

/** A copy that first-boot settings have named and given an address, and whose reset is wished. */
function withReset(guest: GuestFolder): GuestFolder {
  for (const name of ['lib/incus/database/a', 'log/incus/b']) guest.write(`root/var/${name}`, 'x')
  for (const name of ['home/.config/c', 'home/.ssh/d', 'root/etc/ssh/ssh_host_rsa_key', 'root/etc/cockpit/ws-certs.d/evc.cert']) guest.write(name, 'x')
  for (const name of ['root/etc/systemd/network/03-evc-static.network', 'credentials', 'state/done/settings', 'state/reset']) guest.write(name, 'x')
  for (const name of ['passwd', 'sync', 'hostname']) guest.stub(name)
  return guest
}

const madeByCopy = (guest: GuestFolder) => [
  'root/var/lib/incus/database', 'root/var/log/incus/b', 'home/.config', 'home/.ssh', 'root/etc/ssh/ssh_host_rsa_key', 'root/etc/cockpit/ws-certs.d/evc.cert',
  'root/etc/systemd/network/03-evc-static.network', 'credentials', 'state/done',
].filter(name => existsSync(guest.path(name)))

t.test('a reset takes out all that the copy has made, and its wish last', async t => {
  const guest = withReset(guestFolder(t.testdir({})))
  t.equal(madeByCopy(guest).length, 9)
  const { code, stderr } = guest.sh('"$EVC_LIB/reset-copy"')
  t.equal(code, 0, stderr)
  t.same(madeByCopy(guest), [])
  t.same(readdirSync(guest.path('state')), [])
})

t.test('a reset gives back the name that first-boot settings had changed, also for the boot that it is a part of', async t => {
  const guest = withReset(guestFolder(t.testdir({})))
  const built = '127.0.0.1 localhost\n127.0.1.1 ciab\n'
  guest.write('root/etc/hostname', 'ciab\n')
  guest.write('root/etc/hosts', built)
  guest.write('proc/cmdline', 'evc.hostname=box7\n')
  guest.stub('systemd-detect-virt', 'echo qemu')
  rmSync(guest.path('state/done/settings'))
  t.equal(guest.sh('EVC_ETC="$EVC_ROOT/etc" "$EVC_LIB/steps/07-settings"').code, 0)
  t.same([guest.read('root/etc/hostname'), guest.read('root/etc/hosts').startsWith(`${built}127.0.1.1\tbox7`)], ['box7\n', true])
  t.equal(guest.sh('"$EVC_LIB/reset-copy"').code, 0)
  t.same([guest.read('root/etc/hostname'), guest.read('root/etc/hosts')], ['ciab\n', built])
  t.same(guest.calls().filter(call => call.startsWith('hostname')), ['hostname box7', 'hostname ciab'])
})

t.test('a reset that could not be carried out keeps its wish and is told, and nothing is set up over what is left', async t => {
  for (const program of ['find', 'rm', 'hostname', 'passwd']) {
    const guest = withReset(withSteps(guestFolder(t.testdir({ [program]: {} })), { '10-identity': 'true' }))
    guest.stub(program, 'echo "the disk is read-only" >&2; exit 1')
    t.not(guest.sh('"$EVC_LIB/reset-copy"').code, 0, program)
    t.ok(existsSync(guest.path('state/reset')), program)
    rmSync(guest.path(`bin/${program}`))
    t.same(states(guest.sh('"$EVC_LIB/first-boot"').stdout).slice(1), [
      { state: 'failed', appliance: 'ciab', version: '1', step: 'reset', reason: 'the reset that was asked for was not carried out: journalctl -u evc-reset', uptimeSeconds: 12 },
    ])
  }
})

t.test('a reset is carried out before anything reads what it deletes, the network, too', async t => {
  const [, before = ''] = /^Before=(.*)$/m.exec(resetUnit) ?? []
  // systemd-networkd is not ordered behind sysinit.target.
  for (const unit of ['systemd-networkd.service', 'sysinit.target', 'incus.service', 'incus.socket', 'evc-first-boot.service']) t.ok(before.split(' ').includes(unit), unit)
})

/** A root file system on partition 3 of a disk with this many sectors behind it. */
function withRoot(guest: GuestFolder, free: number): GuestFolder {
  guest.write('sys/block/vda/vda3/partition', '3\n')
  guest.write('sys/block/vda/vda3/start', '2048\n')
  guest.write('sys/block/vda/vda3/size', '100000\n')
  guest.write('sys/block/vda/size', `${102048 + 34 + free}\n`)
  mkdirSync(guest.path('sys/class/block'), { recursive: true })
  symlinkSync('../../block/vda', guest.path('sys/class/block/vda'))
  symlinkSync('../../block/vda/vda3', guest.path('sys/class/block/vda3'))
  guest.stub('findmnt', 'echo /dev/vda3')
  for (const name of ['sfdisk', 'partx', 'resize2fs']) guest.stub(name)
  return guest
}

t.test('the root grows to the end of a larger disk', async t => {
  const guest = withRoot(guestFolder(t.testdir({})), 1_000_000)
  t.equal(guest.sh('"$EVC_LIB/steps/05-storage"').code, 0)
  t.same(guest.calls().map(call => call.split(' ')[0]), ['findmnt', 'sfdisk', 'sfdisk', 'partx', 'resize2fs'])
})

t.test('its file system grows also when the power failed after its partition had', async t => {
  const guest = withRoot(guestFolder(t.testdir({})), 0)
  t.equal(guest.sh('"$EVC_LIB/steps/05-storage"').code, 0)
  t.same(guest.calls().slice(1), [`resize2fs ${guest.path('dev/vda3')}`])
})

/** An Incus that keeps names in files; `interrupt` ends the step at this call, as a power cut would. */
function withCloud(guest: GuestFolder, interrupt = 'none'): GuestFolder {
  guest.write('share/demo.tar', 'container')
  guest.stub('runuser', 'case "$*" in *list*) echo 10.171.86.20 ;; esac')
  guest.stub('incus', `
    shift 2
    [ "$1 $2" != '${interrupt}' ] || { : >'${guest.path('half')}'; kill -9 $PPID; exit 137; }
    case "$1 $2" in
      'image import' | 'init demo') [ ! -e '${guest.path('half')}' ] || { echo 'already exists' >&2; exit 1; } ;;
      'image delete' | 'delete --force') rm -f '${guest.path('half')}' ;;
      'config get') [ ! -e '${guest.path('half')}' ] || echo demo ;;
    esac`)
  return guest
}

for (const call of ['image import', 'init demo', 'start demo']) {
  t.test(`a power cut at "incus ${call}" is mended by the next boot (a stub of Incus)`, async t => {
    const guest = withCloud(guestFolder(t.testdir({})), call)
    t.not(guest.sh('"$EVC_LIB/steps/50-demo"').code, 0)
    withCloud(guest)
    const { code, stderr } = guest.sh('"$EVC_LIB/steps/50-demo"')
    t.equal(code, 0, stderr)
  })
}

t.test('without a break nothing is deleted, and a second boot makes nothing anew', async t => {
  const guest = withCloud(guestFolder(t.testdir({})))
  t.equal(guest.sh('"$EVC_LIB/steps/50-demo"').code, 0)
  t.notOk(guest.calls().some(call => / delete /.test(call)))
  const before = guest.calls().length
  t.equal(guest.sh('"$EVC_LIB/steps/50-demo"').code, 0)
  t.notOk(guest.calls().slice(before).some(call => / (import|init|start) /.test(call)))
})

/** A machine with nesting, and an Incus that does this, where `$1 $2` are the command and its first word. */
function withMachines(guest: GuestFolder, incus: string): GuestFolder {
  guest.write('run/facts/nested', 'kvm\n')
  for (const name of ['share/demo.tar', 'share/demo-vm.tar', 'share/demo-vm.qcow2', 'tries']) guest.write(name, '')
  for (const name of ['sleep', 'systemd-detect-virt']) guest.stub(name)
  guest.stub('incus', `shift 2\n${incus}`)
  guest.stub('runuser', 'case "$*" in *list*) echo 10.171.86.20 ;; esac')
  return guest
}

const deletes = (guest: GuestFolder) => guest.calls().filter(call => / delete /.test(call)).map(call => call.replace('incus --project demo ', ''))

for (const [failures, nested] of [[2, 'kvm'], [3, 'unavailable']] as const) {
  t.test(`a demo machine whose start fails ${failures} times is ${nested === 'kvm' ? 'started again' : 'given up, and containers go on'} (a stub of Incus)`, async t => {
    const guest = guestFolder(t.testdir({}))
    withMachines(guest, `
      [ "$1 $2" != 'start demo-vm' ] || { echo >>'${guest.path('tries')}'; [ "$(wc -l <'${guest.path('tries')}')" -gt ${failures} ]; }
      code=$?
      [ "$1 $2" != 'info --show-log' ] || echo "what the machine's QEMU said"
      exit "$code"`)
    const { code, stdout } = guest.sh('"$EVC_LIB/steps/50-demo"')
    t.equal(code, 0)
    t.equal(guest.calls().filter(call => call.endsWith(' start demo-vm')).length, 3)
    t.equal(guest.read('run/facts/nested').trim(), nested)
    t.equal(guest.read('run/facts/nestedHint').startsWith('/dev/kvm is there, but starts no virtual machine'), nested === 'unavailable')
    t.equal(existsSync(guest.path('state/done/demo-vm')), nested === 'kvm', 'what failed is tried again')
    t.same(deletes(guest), nested === 'kvm' ? [] : ['delete --force demo-vm'])
    t.equal(stdout.includes("what the machine's QEMU said"), nested === 'unavailable', 'its log is kept')
  })
}

t.test('the hint names the setting of the hypervisor, and what stays in the way where it is made already', async t => {
  const guest = guestFolder(t.testdir({}))
  const hint = (hypervisor: string) => guest.sh(`. "$EVC_LIB/nested.sh"; hypervisor_hint ${hypervisor} vmx`).stdout
  t.equal(hint('oracle'), 'The hypervisor (VirtualBox) hides vmx. Power off, then: VBoxManage modifyvm NAME --nested-hw-virt on. ' +
    "Is it on already? Then VirtualBox runs under Hyper-V (Windows) or Apple's framework (Mac, 7.0 and newer), which cannot nest\n")
  t.equal(hint('parallels'), "The hypervisor (Parallels) hides vmx. Power off, then: prlctl set NAME --hypervisor-type parallels (Apple's cannot nest) " +
    'and prlctl set NAME --nested-virt on\n')
})

t.test('a demo machine that finds no memory is not told as broken nesting (a stub of Incus)', async t => {
  const guest = withMachines(guestFolder(t.testdir({})), `
    [ "$1 $2" != 'info --show-log' ] || echo "qemu-system-x86_64: cannot set up guest memory 'mem0': Cannot allocate memory"
    [ "$1 $2" != 'start demo-vm' ]`)
  t.equal(guest.sh('"$EVC_LIB/steps/50-demo"').code, 0)
  t.equal(guest.read('run/facts/nestedHint'), 'The demo machine found no 256 MiB of free memory: give this machine more, and start it again')
})

t.test('a demo machine that cannot be made ends the set-up with what Incus said, and nothing is deleted (a stub of Incus)', async t => {
  const table = { 'image import demo-vm': 'the demo image for virtual machines could not be imported', 'init demo-vm': 'the demo machine could not be made: Error: no space left on device' }
  for (const [call, reason] of Object.entries(table)) {
    const guest = withMachines(guestFolder(t.testdir({ [call.replaceAll(' ', '-')]: {} })), `
      case "$1 $2 $*" in
        'config show'*) exit 1 ;;
        '${call === 'init demo-vm' ? 'init demo-vm' : 'image import'}'*demo-vm*) echo 'Creating demo-vm'; echo 'Error: no space left on device' >&2; exit 1 ;;
      esac`)
    t.equal(guest.sh('"$EVC_LIB/steps/50-demo"').code, 1, call)
    t.equal(guest.read('run/reason'), `${reason}\n`)
    t.equal(guest.read('run/facts/nested').trim(), 'kvm')
    t.same(deletes(guest), [])
  }
})

t.test('an instance demo-vm of its owner stays, and the set-up goes on (a stub of Incus)', async t => {
  const guest = withMachines(guestFolder(t.testdir({})), `
    [ "$1 $2" != 'init demo-vm' ] || { echo 'Error: Instance "demo-vm" already exists' >&2; exit 1; }`)
  // Also at the boots behind the first, which looks for what a power cut has left half-made.
  for (const boot of ['first', 'second']) {
    t.equal(guest.sh('"$EVC_LIB/steps/50-demo"').code, 0, boot)
    t.same(deletes(guest).filter(call => call.startsWith('delete')), [])
    t.same([guest.read('run/facts/nested').trim(), existsSync(guest.path('state/done/demo-vm'))], ['kvm', false])
  }
})

t.test('the serial console shows credentials only when the set-up has ended and a key was pressed', async t => {
  const guest = guestFolder(t.testdir({}))
  guest.write('credentials', 'user: evc\npassword: secret\n')
  const run = (input: string) => guest.sh(`printf '${input}' | EVC_AGETTY=/bin/true timeout 5 bash "$EVC_LIB/serial-console"`).stdout
  t.equal(run('\\n'), '', 'before its end Enter leads to the log-in prompt')
  guest.write('run/final', '')
  t.notMatch(run(''), 'secret')
  t.match(run('\\n'), /^\nPress Enter to see this copy's credentials\.\n--- credentials of this copy ---\nuser: evc\npassword: secret\n/)
})
