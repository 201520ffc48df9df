/** Advice on kickstarts that Anaconda takes as they are. */
import t from 'tap'
import { adviceFor } from '../../pipeline/kickstart/advice.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import type { ElRelease } from '../../pipeline/kickstart/releases.js'

function advice(text: string, release: ElRelease = 'RHEL7'): readonly string[] {
  const tree = parseKickstart(text, {
    file: 'x.ks',
    readInclude: () => {
      throw new Error('only at installation')
    },
    keepInclude: () => true,
  })
  return adviceFor(tree, release)
}

const whole = 'rootpw --lock\nbootloader\n'
const table: Readonly<Record<string, readonly string[]>> = {
  [whole]: [],
  'rootpw secret\nbootloader': ['x.ks:1: rootpw holds a password in plain text (--iscrypted takes its hash)'],
  'rootpw --plaintext secret\nbootloader': ['x.ks:1: rootpw holds a password in plain text (--iscrypted takes its hash)'],
  'rootpw --iscrypted $6$a$b\nbootloader': [],
  [`${whole}user --name=a --password=b`]: ['x.ks:3: user holds a password in plain text (--iscrypted takes its hash)'],
  [`${whole}user --name=a --password b --iscrypted`]: [],
  [`${whole}user --name=a`]: [],
  [`${whole}sshpw --username a b`]: ['x.ks:3: sshpw holds a password in plain text (--iscrypted takes its hash)'],
  'text\nlang C': [
    'x.ks:2: RHEL7: no rootpw: Anaconda asks for a password (rootpw --lock wants none)',
    'x.ks:2: RHEL7: no bootloader: Anaconda chooses the disk to boot from (bootloader --location=mbr says it)',
  ],
  '%include /tmp/rest.ks': [],
  '%ksappend http://192.0.2.1/rest.ks': [],
}

for (const [text, wanted] of Object.entries(table)) {
  t.test(`advises on ${text.trim().replaceAll('\n', ', ')}`, async t => t.same(advice(text), wanted))
}

t.test('says to the old releases alone that they may not see an indented %end or %include', async t => {
  const text = `${whole}%packages\n  %include /tmp/list\n  a\n  %end\n`
  const says = (release: string) => [
    `x.ks:4: %include is indented, and Anaconda of ${release} may look for it in the first column only`,
    `x.ks:6: %end is indented, and Anaconda of ${release} may look for it in the first column only`,
  ]
  for (const release of ['RHEL6', 'RHEL7'] as const) t.same(advice(text, release), says(release))
  for (const release of ['RHEL8', 'RHEL9', 'RHEL10'] as const) t.same(advice(text, release), [])
})
