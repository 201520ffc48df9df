/** Advice on kickstarts that Anaconda takes as they are. */
import t from 'tap'
import { adviceFor } from '../../pipeline/kickstart/advice.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'

function advice(text: string): readonly string[] {
  const tree = parseKickstart(text, {
    file: 'x.ks',
    readInclude: () => {
      throw new Error('only at installation')
    },
    keepInclude: () => true,
  })
  return adviceFor(tree, 'RHEL7')
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
}

for (const [text, wanted] of Object.entries(table)) {
  t.test(`advises on ${text.trim().replaceAll('\n', ', ')}`, async t => t.same(advice(text), wanted))
}
