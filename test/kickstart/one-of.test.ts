/** Commands that want one of several options, or an argument in their stead. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { checkKickstart } from '../../pipeline/kickstart/check.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import type { ElRelease } from '../../pipeline/kickstart/releases.js'

function problems(text: string, release: ElRelease): string[] {
  const tree = parseKickstart(text, { file: 'x.ks', readInclude: () => '' })
  return checkKickstart(tree, release).problems.map(formatOneLine)
}

const needs = (command: string, ...ways: readonly string[]) => [
  `x.ks:1: ${command} needs one of ${ways.join(', ')}. (Add one of them.)`,
]
const excluded = (command: string, one: string, other: string) => [
  `x.ks:1: ${command} has ${one} and ${other}, which exclude each other. (Keep one of them.)`,
]

const none: readonly string[] = []
const table: Readonly<Record<string, Partial<Record<ElRelease, readonly string[]>>>> = {
  'url --noverifyssl': { RHEL7: needs('url', '--url', '--mirrorlist'), RHEL9: needs('url', '--url', '--mirrorlist', '--metalink') },
  'url --url= --mirrorlist=http://a': { RHEL7: none, RHEL9: none },
  'url --url=': { RHEL6: none, RHEL7: needs('url', '--url', '--mirrorlist') },
  'repo --name=a --baseurl= --mirrorlist=http://a': { RHEL6: none, RHEL9: none },
  'repo --name=updates': { RHEL6: needs('repo', '--baseurl', '--mirrorlist'), RHEL7: none },
  'harddrive --dir=/x': {
    RHEL7: needs('harddrive', '--partition', '--biospart'),
    RHEL9: ['x.ks:1: harddrive needs --partition. (Add --partition.)'],
  },
  'harddrive --dir=/x --partition=': { RHEL7: none, RHEL9: none },
  'harddrive --dir=/x --partition=sdb2': { RHEL6: none, RHEL10: none },
  'harddrive --dir=/x --partition=sdb2 --biospart=82p2': { RHEL6: excluded('harddrive', '--partition', '--biospart') },
  'driverdisk': { RHEL7: needs('driverdisk', 'a partition', '--source', '--biospart') },
  'driverdisk sdb1': { RHEL7: none },
  'driverdisk sdb1 --source=http://a': { RHEL7: excluded('driverdisk', 'a partition', '--source') },
  'ignoredisk': {
    RHEL7: needs('ignoredisk', '--only-use', '--drives', '--interactive'),
    RHEL9: needs('ignoredisk', '--only-use', '--drives'),
  },
  'ignoredisk --only-use=sda': { RHEL6: none, RHEL7: none, RHEL10: none },
  'ignoredisk --only-use=sda --drives=sdb': { RHEL7: excluded('ignoredisk', '--only-use', '--drives') },
  'keyboard --switch=a': { RHEL7: needs('keyboard', 'a layout', '--vckeymap', '--xlayouts') },
  'keyboard --vckeymap=us --xlayouts=us': { RHEL7: none, RHEL10: none },
  'timezone': { RHEL7: needs('timezone', 'a zone', '--utc', '--nontp', '--ntpservers'), RHEL10: needs('timezone', 'a zone', '--utc') },
  'timezone --ntpservers=': { RHEL7: none, RHEL8: none },
  'timezone --utc UTC': { RHEL6: none, RHEL7: none, RHEL10: none },
  'timesource --ntp-server=a': { RHEL9: none, RHEL10: none },
  'timesource --nts': {
    RHEL9: needs('timesource', '--ntp-server', '--ntp-pool', '--ntp-disable'),
    RHEL10: needs('timesource', '--ntp-server', '--ntp-pool', '--ntp-disable'),
  },
  'timesource --ntp-server=a --ntp-pool=b': { RHEL9: excluded('timesource', '--ntp-server', '--ntp-pool') },
  'timesource --ntp-pool=a --ntp-disable': { RHEL10: excluded('timesource', '--ntp-pool', '--ntp-disable') },
  'services --enabled=sshd --disabled=kdump': { RHEL6: none, RHEL10: none },
  'services': { RHEL6: needs('services', '--disabled', '--enabled'), RHEL10: needs('services', '--disabled', '--enabled') },
  'services --enabled=,': { RHEL7: needs('services', '--disabled', '--enabled') },
  'key': { RHEL6: needs('key', 'a number', '--skip') },
}

for (const [text, releases] of Object.entries(table)) {
  t.test(`judges ${text}`, async t => {
    for (const [release, wanted] of Object.entries(releases)) t.same(problems(text, release as ElRelease), wanted, release)
  })
}
