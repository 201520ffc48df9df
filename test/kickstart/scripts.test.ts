/** %pre, %pre-install and %post. */
import t from 'tap'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

t.test('writes each script as it is, and runs it with its options', async t => {
  const install =
    compile(`${leastKickstart}%post --erroronfail --interpreter=/bin/bash --log=/root/post.log
echo "it's $HOME" # kept
  indented

%end
%post --nochroot --logfile=/tmp/x
%end
%pre
echo
%end
%pre-install
%end
`)
  t.equal(install.files['post/01.sh'], 'echo "it\'s $HOME" # kept\n  indented\n\n')
  t.equal(install.files['post/02.sh'], '')
  t.equal(install.files['pre/01.sh'], 'echo\n')
  const script = install.files['install.sh'] ?? ''
  const runs = script.split('\n').filter(line => line.startsWith('run_script '))
  t.same(runs, [
    "run_script builder warn /bin/sh pre/01.sh ''",
    "run_script builder warn /bin/sh pre-install/01.sh ''",
    'run_script target fatal /bin/bash post/01.sh /root/post.log',
    'run_script builder warn /bin/sh post/02.sh /tmp/x',
  ])
  t.same(stepLines(install, 'run %pre'), [runs[0]])
})

t.test(
  '%pre comes before the disk, %pre-install before the copy, %post after the boot loader',
  async t => {
    const script =
      compile(`${leastKickstart}%post\n%end\n%pre\n%end\n%pre-install\n%end\n`).files['install.sh'] ?? ''
    const marks = [
      "'run %pre'",
      "'partition the target disk'",
      "'run %pre-install'",
      "'copy the system'",
      "'install the boot loader'",
      "'run %post'",
      "'settle the installed system'",
    ]
    const places = marks.map(mark => script.indexOf(mark))
    t.notOk(places.includes(-1))
    t.same(
      places,
      places.toSorted((a, b) => a - b)
    )
  }
)

const wrong: Readonly<Record<string, readonly [section: string, error: string]>> = {
  'an interpreter with arguments': [
    "%post --interpreter='/bin/bash -x'",
    '--interpreter=/bin/bash -x is no absolute path. (Write it like /bin/bash, without arguments.)',
  ],
  'a log without its folder': [
    '%post --log=post.log',
    '--log=post.log is no absolute path. (Write it like /bin/bash, without arguments.)',
  ],
  '--nochroot before there is anything to enter': [
    '%pre --nochroot',
    '%pre has no option "--nochroot". (Options: --interpreter, --erroronfail, --log, --logfile.)',
  ],
  'a section that nothing here reads': [
    '%addon com_example --enable',
    'the debian family cannot honour "%addon". (Take it out. Honoured: %pre, %pre-install, %post, %packages.)',
  ],
}

for (const [what, [section, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t =>
    t.equal(compileFailure(`${leastKickstart}${section}\n%end\n`), `error: box/box.ks:2: ${error}`)
  )
}
