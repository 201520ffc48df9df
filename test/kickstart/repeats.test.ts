/** What may be said once only, and what may come again. */
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
const path = (name: string, device: string) => `multipath --name=${name} --device=${device} --rule=failover`
const snapshot = (name: string) => `snapshot v/root --name=${name} --when=pre-install`

const table: Readonly<Record<string, Partial<Record<ElRelease, readonly string[]>>>> = {
  [`${snapshot('a')}\n${snapshot('b')}`]: { RHEL7: none, RHEL10: none },
  [`${snapshot('a')}\ntext\n${snapshot('a')}\n${snapshot('a')}`]: {
    RHEL9: [
      'x.ks:3: snapshot --name=a was given before, at x.ks:1. (Keep one of the two.)',
      'x.ks:4: snapshot --name=a was given before, at x.ks:1. (Keep one of the two.)',
    ],
  },
  [`${path('a', 'sda')}\n${path('a', 'sdb')}`]: { RHEL6: none, RHEL7: none },
  [`${path('a', 'sda')}\n${path('b', 'sda')}`]: {
    RHEL6: ['x.ks:2: multipath --device=sda was given before, at x.ks:1. (Keep one of the two.)'],
    RHEL8: none,
  },
  'realm join a.example\nrealm join b.example': {
    RHEL7: ['x.ks:2: realm was given before, at x.ks:1. (Keep one of the two.)'],
    RHEL10: ['x.ks:2: realm was given before, at x.ks:1. (Keep one of the two.)'],
  },
  'user --name=a\nuser --name=a': { RHEL7: none },
}

for (const [text, releases] of Object.entries(table)) {
  t.test(`judges ${text.replaceAll('\n', ' with ')}`, async t => {
    for (const [release, wanted] of Object.entries(releases)) t.same(problems(text, release as ElRelease), wanted, release)
  })
}
