/** The rules between options and arguments of one line: each refuses what its releases refuse, and lets its neighbour through. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { checkKickstart } from '../../pipeline/kickstart/check.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import { elReleases } from '../../pipeline/kickstart/releases.js'
import type { ElRelease } from '../../pipeline/kickstart/releases.js'

function problems(text: string, release: ElRelease): string[] {
  const tree = parseKickstart(text, { file: 'x.ks', readInclude: () => '' })
  return checkKickstart(tree, release).problems.map(formatOneLine)
}

/** Releases by their first and last number: `7-10`, or `7` for one. */
function releasesOf(range: string): ElRelease[] {
  const [first = '', last = first] = range.split('-')
  return elReleases.filter(release => Number(release.slice(4)) >= Number(first) && Number(release.slice(4)) <= Number(last))
}

const needs = (what: string, option: string) => `${what} needs ${option}. (Add ${option}.)`
const needsOne = (what: string, ...ways: readonly string[]) => `${what} needs one of ${ways.join(', ')}. (Add one of them.)`
const exclude = (what: string, ...options: readonly string[]) => `${what} has ${options.join(' and ')}, which exclude each other. (Keep one of them.)`
const refuses = (what: string, option: string, release: string) => `${what} has ${option}, which ${release} refuses. (Take it out.)`

const size = ['--size', '--percent', '--recommended', '--hibernation', '--useexisting', '--noformat']
const lv = 'logvol / --vgname=v --name=n'
const sized = `${lv} --size=9`
const cached = `${sized} --cachesize=1 --cachepvs=pv.1`
const raid = 'raid / --device=md0 --level=1'
const repo = 'ostreesetup --osname=a --ref=b'
const mountPoint = 'Write mount DEVICE /PATH, or none for what is not mounted.'
const keyHint = 'Write key NUMBER, or key --skip.'
const realmHint = 'Write realm join [options] NAME.'
const notRealm = `realm does not join a realm: options come between the word join and the name. (${realmHint})`
const notInterface = 'does not end in the number of a VLAN. (Write NAME, NAME.NUMBER or vlanNUMBER; the number is 0 to 4095.)'
const notBtrfs = 'is for btrfs, which this release does not make. (Take it out, or give the space to another file system.)'

/** By line: the releases, and what each of them says besides the place; nothing where it takes the line. */
const table: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>> = {
  [`${sized} --thin --poolname=p`]: { '6-10': [] },
  [`${sized} --thinpool --chunksize=1 --metadatasize=1`]: { '6-10': [] },
  [`${sized} --thin --poolname=p --thinpool`]: { '6-10': [exclude('logvol', '--thin', '--thinpool')] },
  [`${sized} --thin`]: { '6-10': [needs('logvol --thin', '--poolname')] },
  [`${sized} --thin --poolname=`]: { '6-10': [needs('logvol --thin', '--poolname')] },
  [`${sized} --chunksize=1`]: { '6-10': [needs('logvol --chunksize', '--thinpool')] },
  [`${sized} --metadatasize=1`]: { '6-10': [needs('logvol --metadatasize', '--thinpool')] },
  [`${sized} --chunksize=0 --metadatasize=0`]: { '6-10': [] },
  [lv]: { 6: [], '7-10': [needsOne('logvol', ...size)] },
  [`${lv} --size=0`]: { 6: [], '7-10': [needsOne('logvol', ...size)] },
  [`${lv} --percent=0`]: { 6: [], '7-10': [needsOne('logvol', ...size)] },
  [`${lv} --recommended`]: { '6-10': [] },
  [`${lv} --hibernation`]: { '6-10': [] },
  [`${lv} --useexisting`]: { '6-10': [] },
  [`${lv} --noformat`]: { '6-10': [] },
  [`${lv} --percent=100`]: { '6-10': [] },
  [`${lv} --percent=101`]: { 6: [], '7-10': ['--percent=101 is no percentage. (Write --percent=NUMBER, 0 to 100.)'] },
  [`${lv} --percent=-1`]: { 6: [], '7-10': ['--percent=-1 is no percentage. (Write --percent=NUMBER, 0 to 100.)'] },
  [`${sized} --percent=50`]: { 6: [], '7-10': [exclude('logvol', '--size', '--percent')] },
  [`${sized} --percent=0`]: { '6-10': [] },
  [`${sized} --resize --useexisting`]: { '7-10': [] },
  [`${sized} --resize --noformat`]: { '7-10': [] },
  [`${sized} --resize`]: { '7-10': [needsOne('logvol --resize', '--useexisting', '--noformat')] },
  [`${lv} --resize --useexisting`]: { '7-10': [needs('logvol --resize', '--size')] },
  [cached]: { '8-10': [] },
  [`${cached} --cachemode=writeback`]: { '8-10': [] },
  [`${cached} --cachemode=`]: { '8-10': [] },
  [`${cached} --cachemode=fast`]: { '8-10': ['--cachemode=fast is not one of its values. (Values: writeback, writethrough.)'] },
  [`${sized} --cachesize=1`]: { '8-10': [needs('logvol --cachesize', '--cachepvs')] },
  [`${sized} --cachepvs=pv.1`]: { '8-10': [needs('logvol --cachepvs', '--cachesize')] },
  [`${sized} --cachemode=writeback`]: { '8-10': [needs('logvol --cachemode', '--cachepvs')] },
  [`${cached} --thin --poolname=p`]: { '8-10': [exclude('logvol', '--cachepvs', '--thin')] },
  [`${cached} --useexisting`]: { '8-10': [exclude('logvol', '--cachepvs', '--useexisting')] },
  [`${cached} --noformat`]: { '8-10': [exclude('logvol', '--cachepvs', '--noformat')] },
  [`${sized} --mkfsoptions=x`]: { '7-10': [] },
  [`${sized} --mkfsoptions=x --noformat`]: { '7-10': [exclude('logvol', '--mkfsoptions', '--noformat')] },
  [`${sized} --mkfsoptions=x --fsprofile=y`]: { '7-10': [exclude('logvol', '--mkfsoptions', '--fsprofile')] },
  [`${sized} --mkfsoptions= --fsprofile=y`]: { '7-10': [] },
  [`${sized} --fstype=btrfs`]: {
    '6-7': [],
    8: [refuses('logvol', '--fstype=btrfs', 'RHEL8')],
    9: [refuses('logvol', '--fstype=btrfs', 'RHEL9')],
    10: [refuses('logvol', '--fstype=btrfs', 'RHEL10')],
  },
  [`${sized} --fstype=xfs`]: { '6-10': [] },
  [`${sized} --pbkdf-time=1 --pbkdf-iterations=1`]: { '8-10': [exclude('logvol', '--pbkdf-time', '--pbkdf-iterations')] },
  [`${sized} --pbkdf-time=1 --pbkdf-iterations=0`]: { '8-10': [] },

  'part / --resize --onpart=sda1 --size=9': { '7-10': [] },
  'part / --resize --size=9': { '7-10': [needs('part --resize', '--onpart')] },
  'partition / --resize --usepart=sda1': { '7-10': [needs('partition --resize', '--size')] },
  'part /tmp --fstype=tmpfs --size=9': { '6-10': [] },
  'part /tmp --fstype=tmpfs --maxsize=0': { '6-10': [] },
  'part /tmp --fstype=tmpfs --grow': { 6: [], '7-10': [exclude('part', '--fstype=tmpfs', '--grow')] },
  'part /tmp --type=tmpfs --maxsize=9': { 6: [], '7-10': [exclude('part', '--fstype=tmpfs', '--maxsize')] },
  'part /tmp --fstype=xfs --grow --maxsize=9': { '6-10': [] },
  'part / --mkfsoptions=x --size=9': { '7-10': [] },
  'part / --mkfsoptions=x --noformat': { '7-10': [exclude('part', '--mkfsoptions', '--noformat')] },
  'part / --mkfsoptions=x --fsprofile=y': { '7-10': [exclude('part', '--mkfsoptions', '--fsprofile')] },
  'part / --fstype=btrfs': { '6-7': [], 8: [refuses('part', '--fstype=btrfs', 'RHEL8')], 10: [refuses('part', '--fstype=btrfs', 'RHEL10')] },
  'part btrfs.01 --size=9': { '6-7': [], '8-10': [`part btrfs.01 ${notBtrfs}`] },
  'part pv.01 --size=9': { '6-10': [] },
  'part / --pbkdf-time=1 --pbkdf-iterations=1': { '8-10': [exclude('part', '--pbkdf-time', '--pbkdf-iterations')] },

  [`${raid} raid.1`]: { '6-10': [] },
  'raid / --device=1 --level=1 raid.1': { '6-10': [] },
  'raid / --device=root --level=1 raid.1': {
    6: ['--device=root is no number. (Write --device=md0, --device=md1 and so on.)'],
    '7-10': [],
  },
  'raid / --device=md0 raid.1': { '6-10': [needs('raid', '--level')] },
  'raid / --device=md0 --noformat': { '6-10': [] },
  'raid / --device= --useexisting': { '7-10': ['--device= is empty. (Write --device=NAME.)'] },
  'raid / --device= --noformat': { '7-10': ['--device= is empty. (Write --device=NAME.)'] },
  [`${raid} --mkfsoptions=x raid.1`]: { '7-10': [] },
  [`${raid} --mkfsoptions=x --noformat`]: { '7-10': [exclude('raid', '--mkfsoptions', '--noformat')] },
  [`${raid} --mkfsoptions=x --fsprofile=y raid.1`]: { '7-10': [exclude('raid', '--mkfsoptions', '--fsprofile')] },
  [`${raid} --fstype=btrfs raid.1`]: { '6-7': [], 9: [refuses('raid', '--fstype=btrfs', 'RHEL9')] },
  [`${raid} --pbkdf-time=1 --pbkdf-iterations=1 raid.1`]: { '8-10': [exclude('raid', '--pbkdf-time', '--pbkdf-iterations')] },

  'autopart --type=btrfs': { 7: [] },
  'autopart --fstype=xfs': { '7-10': [] },
  'autopart --fstype=btrfs': { 7: [refuses('autopart', '--fstype=btrfs', 'RHEL7')], 10: [refuses('autopart', '--fstype=btrfs', 'RHEL10')] },
  'autopart --type=BTRFS --fstype=xfs': { 7: [exclude('autopart', '--type=btrfs', '--fstype')] },
  'autopart --type=btrfs --nolvm --fstype=xfs': { 7: [] },
  'autopart --type=lvm --fstype=xfs': { '7-10': [] },
  'autopart --pbkdf-time=1 --pbkdf-iterations=1': { '8-10': [exclude('autopart', '--pbkdf-time', '--pbkdf-iterations')] },

  'btrfs / --subvol --name=root LABEL=x': { 7: [] },
  'btrfs / --subvol LABEL=x': { 7: [needs('btrfs --subvol', '--name')], '8-9': [] },
  'btrfs / --mkfsoptions=x btrfs.1': { 7: [] },
  'btrfs / --mkfsoptions=x --noformat btrfs.1': { 7: [exclude('btrfs', '--mkfsoptions', '--noformat')] },
  'btrfs / --mkfsoptions=x --useexisting btrfs.1': { 7: [exclude('btrfs', '--mkfsoptions', '--useexisting')], '8-9': [] },

  'volgroup v pv.1 --reserved-space=0 --reserved-percent=1': { '6-10': [] },
  'volgroup v pv.1 --reserved-percent=99': { '6-10': [] },
  'volgroup v pv.1 --reserved-space=-1': { '6-10': ['--reserved-space=-1 is no size. (Write the size in MiB, 0 or more.)'] },
  'volgroup v pv.1 --reserved-percent=0': { '6-10': ['--reserved-percent=0 is no percentage. (Write --reserved-percent=NUMBER, 1 to 99.)'] },
  'volgroup v pv.1 --reserved-percent=100': { '6-10': ['--reserved-percent=100 is no percentage. (Write --reserved-percent=NUMBER, 1 to 99.)'] },

  'mount /dev/sda1 /boot': { '8-10': [] },
  'mount /dev/sda1 NONE': { '8-10': [] },
  'mount /dev/sda1 boot': { '8-10': [`mount boot is no mount point. (${mountPoint})`] },
  'mount /dev/sda1 /boot --mkfsoptions=x': { '8-10': [needs('mount --mkfsoptions', '--reformat')] },
  'mount /dev/sda1 /boot --mkfsoptions=x --reformat': { '8-10': [] },
  'mount /dev/sda1 /boot --mkfsoptions=x --reformat=xfs': { '8-10': [] },

  'snapshot v/root --name=a --when=pre-install': { '7-10': [] },
  'snapshot root --name=a --when=pre-install': { '7-10': ['snapshot root names no volume of a group. (Write snapshot GROUP/VOLUME.)'] },
  'snapshot /v/root --name=a --when=pre-install': { '7-10': ['snapshot /v/root names no volume of a group. (Write snapshot GROUP/VOLUME.)'] },
  'snapshot v/ --name=a --when=pre-install': { '7-10': ['snapshot v/ names no volume of a group. (Write snapshot GROUP/VOLUME.)'] },

  'nvdimm reconfigure --namespace=n --sectorsize=512': { '7-9': [] },
  'nvdimm use --namespace=n': { '7-9': [] },
  'nvdimm use --blockdevs=pmem0': { '7-9': [] },
  'nvdimm drop --namespace=n': { '7-9': ['nvdimm drop is not one of its actions. (Actions: reconfigure, use.)'] },
  'nvdimm use --namespace=n --blockdevs=pmem0': { '7-9': [exclude('nvdimm', '--namespace', '--blockdevs')] },
  'nvdimm use': { '7-9': [needsOne('nvdimm use', '--namespace', '--blockdevs')] },
  'nvdimm reconfigure --sectorsize=512': { '7-9': [needs('nvdimm reconfigure', '--namespace')] },
  'nvdimm reconfigure --namespace=n': { '7-9': [needs('nvdimm reconfigure', '--sectorsize')] },

  'zfcp --devnum=1': { '9-10': [] },
  'zfcp --devnum=1 --wwpn=2 --fcplun=3': { '6-10': [] },
  'zfcp --devnum=1 --wwpn=2': { '9-10': [needs('zfcp --wwpn', '--fcplun')] },
  'zfcp --devnum=1 --fcplun=3': { '9-10': [needs('zfcp --fcplun', '--wwpn')] },
  'zfcp --devnum=1 --wwpn=2 --fcplun=': { '6-8': [], '9-10': [needs('zfcp --wwpn', '--fcplun')] },
  'zfcp --devnum=1 --wwpn= --fcplun=3': { '6-8': [], '9-10': [needs('zfcp --fcplun', '--wwpn')] },
  'zfcp --devnum= --wwpn=2 --fcplun=3': { '6-8': [], '9-10': ['--devnum= is empty. (Write --devnum=NUMBER.)'] },

  'bootloader --boot-drive=sda': { '7-10': [] },
  'bootloader --boot-drive=sda,sdb': { '7-10': ['--boot-drive=sda,sdb names several disks. (Name the one to boot from.)'] },
  'bootloader --sdboot': { 10: [] },
  'bootloader --sdboot --extlinux': { 10: [exclude('bootloader', '--sdboot', '--extlinux')] },

  'network --bridgeslaves=a --bridgeopts=stp=off,priority=1': { '7-10': [] },
  'network --bridgeslaves=a': { '7-10': [] },
  'network --bridgeopts=': { '7-10': [] },
  'network --bridgeopts=stp=off': { '7-10': [needs('network --bridgeopts', '--bridgeslaves')] },
  ...Object.fromEntries(
    ['stp', 'stp=', 'stp=off,', 'stp=off=on'].map(options => [
      `network --bridgeslaves=a --bridgeopts=${options}`,
      { '7-10': [`--bridgeopts=${options} is no list of KEY=VALUE. (Write --bridgeopts=KEY=VALUE,KEY=VALUE.)`] },
    ])
  ),
  'network --bindto=mac': { '7-10': [] },
  'network --vlanid=5': { '6-10': [] },
  'network --bindto=mac --vlanid=5 --bondopts=mode=1': { '7-10': [] },
  'network --bindto=mac --vlanid=5': { '7-10': [needs('network --bindto=mac with --vlanid', '--bondopts')] },
  'network --bindto=mac --vlanid=5 --bondslaves=a,b': { '7-10': [needs('network --bindto=mac with --vlanid', '--bondopts')] },
  ...Object.fromEntries(['', 'uplink', 'uplink.5', 'vlan171', 'vlan4095', 'my-vlan'].map(name => [`network --interfacename=${name}`, { '7-10': [] }])),
  ...Object.fromEntries(
    ['uplink.x', 'uplink.', 'uplink.5.6', 'vlan', 'vlanx', 'vlan.5', 'vlan171.5', 'vlan4096', 'uplink.4096'].map(name => [
      `network --interfacename=${name}`,
      { 7: [`--interfacename=${name} ${notInterface}`], '8-10': [] },
    ])
  ),

  'logging --host=a --port=5': { '6-10': [] },
  'logging --port=5': { '6-10': [needs('logging --port', '--host')] },
  'rescue --nomount': { '6-10': [] },
  'rescue --romount': { '6-10': [] },
  'rescue --nomount --romount': { '6-10': [exclude('rescue', '--nomount', '--romount')] },
  'eula --agreed': { '7-10': [] },
  'eula --accept': { '7-10': [] },
  'eula': { '7-10': [needs('eula', '--agreed')] },
  'text --non-interactive': { '8-10': [] },
  'cmdline': { '6-10': [] },
  'cmdline --non-interactive': { 8: [refuses('cmdline', '--non-interactive', 'RHEL8')], 10: [refuses('cmdline', '--non-interactive', 'RHEL10')] },
  'timezone UTC --nontp --ntpservers=': { '7-9': [] },
  'timezone UTC --nontp --ntpservers=a': { '7-9': [exclude('timezone', '--nontp', '--ntpservers')] },
  'install --root-device=sda1': { '6-7': [] },
  'install --root-device=': { '6-7': ['--root-device= is empty. (Write --root-device=DEVICE.)'], 8: [] },
  'upgrade --root-device=': { 6: ['--root-device= is empty. (Write --root-device=DEVICE.)'], 7: [] },
  'rhsm --organization=a --activation-key=b --activation-key=c': { '8-10': [] },
  'rhsm --organization=a --activation-key=b --activation-key=': { '8-10': ['--activation-key= is empty. (Write --activation-key=KEY.)'] },
  ...Object.fromEntries(['file:///a', 'http://a', 'https://a'].map(url => [`${repo} --url=${url}`, { '7-10': [] }])),
  [`${repo} --url=ftp://a`]: { '7-10': ['--url=ftp://a is neither file nor HTTP. (Write file:, http: or https: before it.)'] },

  'key 1': { 6: [] },
  'key --skip': { 6: [] },
  'key --skip 1 2': { 6: [] },
  'key 1 2': { 6: [`key has more than one number. (${keyHint})`] },
  'realm join a.example': { '7-10': [] },
  'realm join --no-password a.example': { '7-10': [] },
  "realm join --client-software sssd --one-time-password='b c' a.example": { '7-10': [] },
  'realm discover a.example': { '7-10': [notRealm] },
  'realm join a.example --no-password': { '7-10': [notRealm] },
  'realm join a.example --client-software sssd': { '7-10': [notRealm] },
  'realm --no-password join a.example': { '7-10': [notRealm] },
  '%packages --default\n%end': { '6-10': [] },
  '%packages --nocore\n%end': { '7-10': [] },
  '%packages --default --nocore\n%end': { '7-10': [exclude('%packages', '--default', '--nocore')] },
  '%packages --default --nobase\n%end': { '6-7': [exclude('%packages', '--default', '--nobase')] },
}

for (const [text, verdicts] of Object.entries(table)) {
  t.test(`judges ${text.replace('\n', ' ')}`, async t => {
    for (const [range, wanted] of Object.entries(verdicts)) {
      for (const release of releasesOf(range)) t.same(problems(text, release), wanted.map(sentence => `x.ks:1: ${sentence}`), release)
    }
  })
}
