/** Kickstarts against the rules of el releases; the verdicts agree with those of Anaconda's own reader. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { checkKickstart } from '../../pipeline/kickstart/check.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import type { ElRelease } from '../../pipeline/kickstart/releases.js'

function check(text: string, release: ElRelease) {
  const { problems, warnings } = checkKickstart(
    parseKickstart(text, { file: 'x.ks', readInclude: () => '' }),
    release
  )
  return { problems: problems.map(formatOneLine), warnings }
}

const clean = { problems: [], warnings: [] }

/** A whole installation as one writes it for CentOS 7. */
const centos7 = `install
text
url --url=https://mirror.example/centos/7/os/x86_64
repo --name=euca --baseurl=https://mirror.example/euca --install --cost=50
auth --enableshadow --passalgo=sha512
eula --agreed
firstboot --disable
lang en_US.UTF-8
keyboard --vckeymap=us --xlayouts='us','de (nodeadkeys)'
timezone Etc/UTC --isUtc --ntpservers=0.ntp.example,1.ntp.example
network --bootproto=static --device=eth0 --ip=192.168.42.2 --netmask=255.255.255.0 --gateway=192.168.42.1 --onboot=yes --noipv6
rootpw --lock
user --name=demo --groups=wheel --iscrypted --password=$6$x$y
selinux --permissive
firewall --enabled --ssh --port=8443:tcp,53:udp
services --enabled=chronyd --disabled=kdump
bootloader --location=mbr --append="console=ttyS0" --timeout=1
zerombr
clearpart --all --initlabel --disklabel=gpt
reqpart --add-boot
part / --fstype ext4 --size 4096 --grow
part swap --recommended
volgroup vg pv.01
logvol /srv --vgname=vg --name=srv --size=1024
realm join --one-time-password=x example.org
poweroff
%packages --nocore --excludedocs
@core
%end
%addon com_redhat_kdump --disable
%end
%post --nochroot --log=/tmp/x.log --interpreter=/bin/bash
%end
`

t.test('accepts a whole kickstart of the release', async t => t.same(check(centos7, 'RHEL7'), clean))

t.test('an older release refuses what came later', async t => {
  const { problems } = check(centos7, 'RHEL6')
  const lines = problems.map(problem => Number(/^x\.ks:(\d+): /.exec(problem)?.[1]))
  // repo --install, eula, keyboard --vckeymap and --xlayouts, timezone --ntpservers, rootpw without a word,
  // clearpart --disklabel, reqpart, realm, %packages --nocore
  t.same(lines, [4, 6, 9, 9, 10, 12, 19, 20, 25, 27])
  t.match(problems[0], /^x\.ks:4: repo of RHEL6 has no option "--install"\. \(Options: --baseurl, /)
  t.equal(
    problems[5],
    'x.ks:12: rootpw takes one argument besides options, and this line has none. (Put a value with blanks in quotes.)'
  )
})

const verdicts: Readonly<Record<string, Partial<Record<ElRelease, 'ok' | 'warns' | 'fails'>>>> = {
  'install': { RHEL7: 'ok', RHEL8: 'warns', RHEL9: 'fails' },
  'rootpw --lock': { RHEL6: 'fails', RHEL7: 'ok' },
  'bootloader --boot-drive=sda': { RHEL6: 'fails', RHEL7: 'ok' },
  'network --bridgeslaves=eth0': { RHEL6: 'fails', RHEL7: 'ok' },
  'timezone --nontp UTC': { RHEL6: 'fails', RHEL7: 'ok' },
  'authselect select sssd': { RHEL7: 'fails', RHEL8: 'ok' },
  'timesource --ntp-disable': { RHEL7: 'fails', RHEL8: 'fails', RHEL9: 'ok' },
  'auth --useshadow': { RHEL7: 'ok', RHEL8: 'warns', RHEL9: 'warns', RHEL10: 'fails' },
  'autopart --type=btrfs': { RHEL7: 'ok', RHEL8: 'fails' },
  'autopart --type=partition': { RHEL6: 'fails', RHEL7: 'ok', RHEL8: 'ok', RHEL9: 'ok', RHEL10: 'ok' },
  'autopart --type=LVM': { RHEL7: 'ok', RHEL8: 'ok' },
  'autopart --type=BTRFS': { RHEL7: 'ok', RHEL8: 'fails' },
  'btrfs none --label=x btrfs.01': { RHEL6: 'fails', RHEL7: 'ok', RHEL8: 'warns', RHEL9: 'warns', RHEL10: 'fails' },
  'btrfs': { RHEL7: 'fails' },
  'btrfs none --data=7 btrfs.01': { RHEL7: 'fails' },
  'bootloader --timeout=1 --timeout=2': { RHEL7: 'warns', RHEL10: 'warns' },
  'bootloader --timeout=soon --timeout=2': { RHEL7: 'fails' },
  'keyboard': { RHEL6: 'fails', RHEL7: 'fails', RHEL10: 'fails' },
  'keyboard us': { RHEL6: 'ok', RHEL7: 'ok', RHEL10: 'ok' },
  'keyboard us de': { RHEL6: 'fails', RHEL7: 'fails' },
  'timezone': { RHEL6: 'fails', RHEL7: 'fails', RHEL10: 'fails' },
  'timezone --utc': { RHEL6: 'fails', RHEL7: 'ok', RHEL8: 'ok', RHEL10: 'ok' },
  'timezone UTC --nontp': { RHEL8: 'ok', RHEL9: 'warns', RHEL10: 'fails' },
  'timezone UTC --isUtc': { RHEL7: 'ok', RHEL9: 'warns' },
  'sshpw --username=a': { RHEL6: 'fails', RHEL9: 'fails' },
  'sshpw --username=a secret': { RHEL6: 'ok', RHEL9: 'ok' },
  'snapshot vg/lv --name=a --when=never': { RHEL7: 'fails' },
  'snapshot vg/lv --name=a --when=Pre-Install': { RHEL7: 'ok', RHEL10: 'ok' },
  'raid / --device=root --level=7 raid.01 raid.02': { RHEL6: 'fails', RHEL7: 'fails', RHEL10: 'fails' },
  'raid / --device=md0 --level=raid1 raid.01 raid.02': { RHEL6: 'ok', RHEL7: 'ok', RHEL10: 'ok' },
  '%packages --instLangs=en\n%end': { RHEL6: 'ok', RHEL8: 'ok', RHEL9: 'warns', RHEL10: 'fails' },
  '%packages --excludeWeakdeps\n%end': { RHEL8: 'ok', RHEL9: 'warns', RHEL10: 'fails' },
  'autopart --type=plain': { RHEL6: 'fails', RHEL7: 'ok', RHEL10: 'ok' },
  'url --mirrorlist=https://mirror.example/list': { RHEL7: 'ok' },
  'url': { RHEL7: 'fails' },
  'rootpw': { RHEL7: 'fails', RHEL9: 'fails' },
  "rootpw ''": { RHEL6: 'fails', RHEL7: 'fails', RHEL10: 'fails' },
  'device eth': { RHEL6: 'ok', RHEL7: 'ok', RHEL8: 'warns', RHEL9: 'fails' },
  'device': { RHEL6: 'fails', RHEL7: 'fails', RHEL8: 'warns' },
  'device eth 3c509': { RHEL6: 'fails', RHEL7: 'fails', RHEL8: 'warns' },
  'deviceprobe net scsi': { RHEL6: 'ok', RHEL7: 'ok', RHEL8: 'warns', RHEL9: 'fails' },
  'updates': { RHEL6: 'ok', RHEL7: 'ok', RHEL8: 'ok', RHEL9: 'fails', RHEL10: 'fails' },
  'updates http://a/u.img': { RHEL6: 'ok', RHEL8: 'ok', RHEL10: 'ok' },
  'updates http://a/u.img http://b/u.img': { RHEL6: 'fails', RHEL8: 'fails', RHEL10: 'fails' },
  'realm join --computer-ou=a --membership-software=b --server-software=c d.example': { RHEL6: 'fails', RHEL7: 'ok', RHEL10: 'ok' },
  'realm join': { RHEL7: 'fails', RHEL10: 'fails' },
  'realm join a.example b.example': { RHEL7: 'fails', RHEL10: 'fails' },
  'realm join --user=a b.example': { RHEL7: 'fails', RHEL10: 'fails' },
  'part --size=10': { RHEL7: 'fails' },
  'part / --size=big': { RHEL7: 'fails' },
  'part / --active --size=10': { RHEL7: 'ok', RHEL8: 'warns' },
  'network --onboot=maybe': { RHEL7: 'fails' },
  'network --bootproto=static': { RHEL7: 'ok' },
  'network --bootproto=magic': { RHEL7: 'fails' },
  'user --groups=a': { RHEL7: 'fails' },
  'text now': { RHEL7: 'fails' },
  '%packages --nobase\n%end': { RHEL6: 'ok', RHEL7: 'warns', RHEL8: 'fails' },
  '%post --erroronfail=yes\n%end': { RHEL7: 'fails' },
}

for (const [text, releases] of Object.entries(verdicts)) {
  t.test(`judges ${text.replace('\n', ' ')}`, async t => {
    for (const [release, wanted] of Object.entries(releases)) {
      const { problems, warnings } = check(`${text}\n`, release as ElRelease)
      t.equal(problems.length > 0 ? 'fails' : warnings.length > 0 ? 'warns' : 'ok', wanted, release)
    }
  })
}

t.test('names the place, the release and the way out', async t => {
  t.same(check('install\n', 'RHEL8').warnings, ['x.ks:1: install no longer has an effect in RHEL8'])
  t.same(check('part / --size=1 --active\n', 'RHEL8').warnings, [
    'x.ks:1: part --active no longer has an effect in RHEL8',
  ])
  t.same(check('%packages --nobase\n%end\n', 'RHEL7').warnings, [
    'x.ks:1: %packages --nobase no longer has an effect in RHEL7',
  ])
  t.same(check('%packages --instLangs=en\n%end\nauth --x\n', 'RHEL9').warnings, [
    'x.ks:1: %packages --instLangs still works in RHEL9, and --inst-langs takes its place',
    'x.ks:3: auth still works in RHEL9, and authselect takes its place',
  ])
  t.same(check('bootloader --timeout=1 --timeout=2\n', 'RHEL7').warnings, [
    'x.ks:1: bootloader --timeout is given twice, and only the last one counts',
  ])
  t.same(check('install\n', 'RHEL9').problems, [
    'x.ks:1: RHEL9 no longer has the command "install". (Take the line out.)',
  ])
  t.same(check('timesource --ntp-disable\n', 'RHEL7').problems, [
    'x.ks:1: RHEL7 has no command "timesource". (Take it out, or describe the same in a %post script.)',
  ])
})
