/** Compiling whole kickstarts: golden files, and what the debian family cannot honour. */
import t from 'tap'
import { compileDebian } from '../../pipeline/kickstart/compile-debian.js'
import { debianCommands } from '../../pipeline/kickstart/debian-commands.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import { knownCommands } from '../../pipeline/kickstart/releases.js'
import { matchGolden } from '../fixtures/golden.js'
import { compile, compileFailure, leastKickstart } from '../fixtures/kickstart.js'

const whole = `# Every command that the debian family honours
install
text
skipx
eula --agreed
firstboot --disabled
selinux --disabled
lang C.UTF-8
keyboard us
timezone --utc Etc/UTC
network --bootproto=dhcp --device=link --activate --hostname=box
rootpw --lock
group --name=demo --gid=1500
user --name=demo --groups=demo,sudo --gecos="It's a \\"demo\\"" --iscrypted --password='$6$salt$hash'
sshkey --username=demo "ssh-ed25519 AAAA me@there.example"
services --enabled=ssh --disabled=apt-daily.timer
firewall --enabled --service=https
url --url=https://mirror.example/debian
repo --install --name=extra --baseurl="https://mirror.example/extra trixie main"
bootloader --append="console=tty0 console=ttyS0,115200n8" --timeout=1 --location=mbr
zerombr
clearpart --all --initlabel
reqpart
part / --fstype=ext4 --size=2048 --grow --label=root
part swap --size=512
poweroff

%packages --excludedocs
openssh-server
nftables
sudo
-nano
%end

%pre --log=/tmp/pre.log
echo before
%end

%post --interpreter=/bin/bash --erroronfail
echo "it's done"
%end
`

t.test('compiles a whole kickstart to its golden files', async t => {
  const { files, ...rest } = compile(whole, { sourceDateEpoch: 1700000000 })
  for (const path of ['install.sh', 'layout.sfdisk'])
    matchGolden(t, `kickstart/${path}`, files[path] ?? '')
  matchGolden(
    t,
    'kickstart/compiled.json',
    `${JSON.stringify({ files: Object.keys(files).sort(), ...rest }, null, 2)}\n`
  )
})

t.test('the same kickstart in another folder compiles to the same files', async t => {
  const at = (folder: string) => {
    const file = `${folder}/box.ks`
    return compileDebian(
      parseKickstart(`%include parts/disk.ks\n`, { file, readInclude: () => leastKickstart }),
      { seed: 's' }
    ).files
  }
  t.same(at('/home/a'), at('/srv/b'))
  t.match(at('/home/a')['install.sh'], /^step parts\/disk\.ks:1 'partition the target disk'$/m)
})

t.test('every known command is either honoured or refused by name', async t => {
  for (const command of knownCommands) {
    const error = compileFailure(`${command}\n${leastKickstart}`)
    const honoured = command in debianCommands
    t.equal(error.includes(`the debian family cannot honour "${command}"`), !honoured, command)
  }
})

t.test('says what it honours instead', async t => {
  t.equal(
    compileFailure(`volgroup vg pv.01\n${leastKickstart}`),
    `error: box/box.ks:1: the debian family cannot honour "volgroup". (Take it out, or do the same in a %post script. Honoured: ${Object.keys(debianCommands).sort().join(', ')}.)`
  )
  t.equal(
    compileFailure('reqpart\npart / --size=1000 --ondisk=sda\n'),
    'error: box/box.ks:2: the debian family cannot honour "part --ondisk". (Options of part it honours: --fstype, --type, --size, --grow, --label, --fsoptions, --asprimary.)'
  )
  t.equal(
    compileFailure(`reboot --eject\n${leastKickstart}`),
    'error: box/box.ks:1: the debian family cannot honour "reboot --eject". (It honours reboot alone.)'
  )
})

const wrong: Readonly<Record<string, readonly [text: string, error: string]>> = {
  'a command that may stand once': [
    'lang C.UTF-8\nlang C.UTF-8\n',
    'error: box/box.ks:2: lang was given before, at box/box.ks:1. (Keep one of the two.)',
  ],
  'two ways to end': [
    'reboot\npoweroff\n',
    'error: box/box.ks:2: poweroff was given before, at box/box.ks:1. (Keep one of the two.)',
  ],
  'a first-boot wizard': [
    'firstboot --enabled\n',
    'error: 2 problems:\n  box/box.ks:1: the debian family cannot honour "firstboot --enabled". (Options of firstboot it honours: --disabled, --disable.)\n  box/box.ks:1: firstboot needs --disabled. (Add --disabled.)',
  ],
}

for (const [what, [text, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t => t.equal(compileFailure(`${text}${leastKickstart}`), error))
}

t.test('a disk command that is refused does not count as missing', async t => {
  t.notMatch(compileFailure('reqpart\npart / --size=big\n'), 'no root partition')
  t.match(compileFailure('reqpart\npart / --size=big\n'), '--size=big is no whole number')
})

t.test('reports problems of all areas at once, in the order of the file', async t => {
  t.equal(
    compileFailure(
      'timezone Nowhere/Land\nxconfig\nuser --name=Evc\npart / --size=10\npart / --size=10\nreqpart\n%packages\n@core\n%end\n'
    ),
    `error: 5 problems:
  box/box.ks:1: "Nowhere/Land" is no time zone. (Write it like Europe/Berlin or Etc/UTC.)
  box/box.ks:2: the debian family cannot honour "xconfig". (Take it out, or do the same in a %post script. Honoured: ${Object.keys(debianCommands).sort().join(', ')}.)
  box/box.ks:3: "Evc" is no user name. (Use lower-case letters, digits, dashes and underscores, a letter first.)
  box/box.ks:5: this is a second root partition; the first is at box/box.ks:4. (Keep one part /.)
  box/box.ks:8: the debian family cannot honour "@core". (Debian has no package groups: name the packages themselves.)`
  )
})
