/** start-guest: what the Xen host does with a job, in a folder that plays its root and with stand-ins for its programs. */
import t from 'tap'
import type { Test } from 'tap'
import { spawnSync } from 'node:child_process'
import { chmodSync, mkdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../templates/xen-host/start-guest', import.meta.url))

/** Name of a program -> what its stand-in does besides noting its arguments; none may reach the real one. */
const standIns: Readonly<Record<string, string>> = {
  mount: '', dmesg: '', modprobe: '', stty: '', sleep: '', ip: '',
  uname: 'echo 6.1.0-40-amd64',
  'xenstore-read': 'case $1 in */console/tty) echo "$XEN_HOST_ROOT/dev/pts/0" ;; *) exit 1 ;; esac',
  xl: `case $1 in
  info) printf 'host                   : (none)\\nxen_version            : 4.17.5\\nvirt_caps              : pv hvm hap\\n' ;;
  list) [ $# -eq 1 ] || exit 1; printf 'Name  ID\\nDomain-0  0\\nciab  7\\n' ;;
esac`,
}

/** Plays the start script: what it asks of xl. */
const goodScript = '[ "$*" = "--no-console --pv" ] || exit 9\n"$XL" create "${0%/*}/pv.cfg" && "$XL" domid ciab\n'

interface Change {
  readonly script?: string
  readonly config?: string
  readonly programs?: Readonly<Record<string, string>>
  /** Serial number of the second drive. @default exported */
  readonly serial?: string
}

function run(t: Pick<Test, 'testdir'>, { config = goodConfig, script = goodScript, programs = {}, serial = 'exported' }: Change) {
  const root = t.testdir({
    bin: {},
    dev: { pts: { 0: '' } },
    etc: { 'init.d': { xen: '#!/bin/sh\necho "Starting $1"\n' } },
    proc: { 'sysrq-trigger': '' },
    run: { kickstart: { arguments: '--pv\n', guest: { 'pv.cfg': config, 'start.sh': script } } },
    sys: { block: { vda: { serial: 'root\n' }, vdc: { serial: `${serial}\n` } }, class: { net: { lo: {}, eth0: { device: {} } } } },
    tmp: {},
  })
  chmodSync(join(root, 'etc/init.d/xen'), 0o755)
  for (const [name, body] of Object.entries({ ...standIns, ...programs })) {
    const file = join(root, 'bin', name)
    writeFileSync(file, `#!/bin/sh\necho "${name} $*" >>"$XEN_HOST_ROOT/calls"\n${body}\n`)
    chmodSync(file, 0o755)
  }
  mkdirSync(join(root, 'var'), { recursive: true })
  const env = { PATH: `${join(root, 'bin')}:/usr/bin:/bin`, XEN_HOST_ROOT: root }
  const { stdout } = spawnSync('bash', [program], { env, encoding: 'utf8', timeout: 20_000 })
  return {
    root,
    said: stdout.split('\n').filter(line => line.startsWith('XEN ')),
    calls: readFileSync(join(root, 'calls'), 'utf8').split('\n'),
    poweredOff: readFileSync(join(root, 'proc/sysrq-trigger'), 'utf8') === 'o\n',
  }
}

const goodConfig = `# bridge=wrong, target=wrong
name = "ciab"
disk = ['format=raw, vdev=xvda, access=rw, target=ciab-1.0.0+1.raw']
vif = ['bridge=xenbr0']
`

t.test('starts the guest of the job, says its versions, and powers off when the guest is gone', async t => {
  const { root, said, calls, poweredOff } = run(t, {})
  t.same(said, [
    'XEN host: Xen 4.17.5, Linux 6.1.0-40-amd64, pv hvm hap',
    'XEN started: domain 7',
    'XEN ended: the guest is gone',
  ])
  t.ok(poweredOff)
  t.same(calls.filter(line => /^(ip|xl) /.test(line)), [
    'xl info',
    'ip link add xenbr0 type bridge', 'ip link set eth0 master xenbr0 up', 'ip link set xenbr0 up',
    `xl create -p ${root}/run/guest/pv.cfg`, 'xl domid ciab', 'xl list', 'xl unpause 7', 'xl list 7', 'xl dmesg',
  ])
  t.equal(readFileSync(join(root, 'run/guest/pv.cfg'), 'utf8'), goodConfig, 'as it was exported')
})

t.test('lays the disk where the configuration looks for it', async t => {
  t.equal(readlinkSync(join(run(t, {}).root, 'run/guest/ciab-1.0.0+1.raw')), '/dev/vdc')
})

const failures: Readonly<Record<string, { change: Change; said: string }>> = {
  'a configuration that xl refuses': {
    change: { programs: { xl: `${standIns['xl']}\n[ $1 != create ] || { echo "Parsing config from guest.cfg"; echo "libxl: error: no"; exit 1; }` } },
    said: 'XEN failed: start.sh: libxl: error: no',
  },
  'a start script that refuses': {
    change: { script: 'echo "start.sh: There is no bridge." >&2\nexit 3\n' },
    said: 'XEN failed: start.sh: start.sh: There is no bridge.',
  },
  'a configuration without a disk': {
    change: { config: "vif = ['bridge=xenbr0']\n" },
    said: 'XEN failed: the configuration names no disk',
  },
  'a configuration without a bridge': {
    change: { config: "disk = ['target=a.raw']\n" },
    said: 'XEN failed: the configuration names no bridge',
  },
  'a bridge that cannot be made': {
    change: { programs: { ip: 'exit 1' } },
    said: 'XEN failed: the bridge xenbr0 cannot be made',
  },
  'a second drive that is not there': {
    change: { serial: 'other' },
    said: 'XEN failed: the exported disk is not there',
  },
  'a guest without a console': {
    change: { programs: { 'xenstore-read': 'exit 1' } },
    said: 'XEN failed: the guest has no console',
  },
  'services that do not run': {
    change: { programs: { xl: 'echo "cannot open xenstore" >&2; exit 1' } },
    said: "XEN failed: Xen's services do not run: cannot open xenstore",
  },
}

for (const [what, { change, said }] of Object.entries(failures)) {
  t.test(`names ${what}, and powers off`, async t => {
    const found = run(t, change)
    t.equal(found.said.at(-1), said)
    t.ok(found.poweredOff)
  })
}
