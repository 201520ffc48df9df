/** Options and commands that exclude or need each other, line by line and in the whole file. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { checkKickstart } from '../../pipeline/kickstart/check.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import type { ElRelease } from '../../pipeline/kickstart/releases.js'

function problems(text: string, release: ElRelease): string[] {
  const tree = parseKickstart(text, { file: 'x.ks', readInclude: () => '' })
  return checkKickstart(tree, release).problems.map(formatOneLine)
}

const none: readonly string[] = []
const table: Readonly<Record<string, Partial<Record<ElRelease, readonly string[]>>>> = {
  'url --url=http://a --mirrorlist=http://b': {
    RHEL7: ['x.ks:1: url has --url and --mirrorlist, which exclude each other. (Keep one of them.)'],
  },
  'repo --name=a --baseurl=http://a --mirrorlist=http://b': {
    RHEL6: ['x.ks:1: repo has --baseurl and --mirrorlist, which exclude each other. (Keep one of them.)'],
    RHEL8: ['x.ks:1: repo has --baseurl and --mirrorlist, which exclude each other. (Keep one of them.)'],
  },
  'autopart\npart / --size=1': {
    RHEL6: ['x.ks:2: part cannot stand behind autopart at x.ks:1. (Keep one of the two.)'],
    RHEL10: ['x.ks:2: part cannot stand behind autopart at x.ks:1. (Keep one of the two.)'],
  },
  'volgroup vg pv.01\nautopart': {
    RHEL7: ['x.ks:2: autopart cannot stand behind volgroup at x.ks:1. (Keep one of the two.)'],
  },
  'reqpart\npart / --size=1': { RHEL7: none },
  'reqpart\nautopart': {
    RHEL7: ['x.ks:2: autopart cannot stand behind reqpart at x.ks:1. (Keep one of the two.)'],
    RHEL10: ['x.ks:2: autopart cannot stand behind reqpart at x.ks:1. (Keep one of the two.)'],
  },
  'mount /dev/sda1 /\nreqpart': { RHEL8: ['x.ks:2: reqpart cannot stand behind mount at x.ks:1. (Keep one of the two.)'] },
  'reqpart\nmount /dev/sda1 /': { RHEL8: none },
  'autopart\nreqpart': { RHEL8: ['x.ks:2: reqpart cannot stand behind autopart at x.ks:1. (Keep one of the two.)'] },
  'mount /dev/sda1 /\npart /home --size=1\npart /srv --size=1': {
    RHEL8: ['x.ks:2: part cannot stand behind mount at x.ks:1. (Keep one of the two.)'],
  },
  'mount /dev/sda1 /\nautopart': { RHEL10: ['x.ks:2: autopart cannot stand behind mount at x.ks:1. (Keep one of the two.)'] },
  'part /home --size=1\nmount /dev/sda1 /': { RHEL9: none },
  'ostreesetup --osname=a --url=http://a --ref=b\nostreecontainer --url=c': {
    RHEL9: ['x.ks:2: ostreecontainer cannot stand behind ostreesetup at x.ks:1. (Keep one of the two.)'],
    RHEL10: ['x.ks:2: ostreecontainer cannot stand behind ostreesetup at x.ks:1. (Keep one of the two.)'],
  },
  'bootc --source-imgref=a\nostreesetup --osname=a --url=http://a --ref=b': {
    RHEL10: ['x.ks:2: ostreesetup cannot stand behind bootc at x.ks:1. (Keep one of the two.)'],
  },
  'ostreecontainer --url=c\nbootc --source-imgref=a': {
    RHEL10: ['x.ks:2: bootc cannot stand behind ostreecontainer at x.ks:1. (Keep one of the two.)'],
  },
  'ostreecontainer --url=c\nrepo --name=a': { RHEL9: none, RHEL10: none },
  'ignoredisk --drives=': {
    RHEL9: ['x.ks:1: ignoredisk needs one of --only-use, --drives. (Add one of them.)'],
  },
}

for (const [text, releases] of Object.entries(table)) {
  t.test(`judges ${text.replace('\n', ' with ')}`, async t => {
    for (const [release, wanted] of Object.entries(releases)) t.same(problems(text, release as ElRelease), wanted, release)
  })
}
