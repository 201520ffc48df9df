/** services. */
import t from 'tap'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

t.test('disables before it enables', async t => {
  const install = compile(
    `services --enabled=ssh,nginx --disabled="apt-daily.timer, getty@tty2"\n${leastKickstart}`
  )
  t.same(stepLines(install, 'disable apt-daily.timer, getty@tty2'), [
    'in_target systemctl --quiet disable -- apt-daily.timer getty@tty2',
  ])
  t.same(stepLines(install, 'enable ssh, nginx'), ['in_target systemctl --quiet enable -- ssh nginx'])
  const script = install.files['install.sh'] ?? ''
  t.ok(script.indexOf('disable --') < script.indexOf('enable -- ssh'))
})

const wrong: Readonly<Record<string, readonly [line: string, error: string]>> = {
  'a service both ways': [
    'services --enabled=a --disabled=a',
    'a is both enabled and disabled. (Keep one of the two.)',
  ],
  'a service that is no name': [
    "services --enabled='a b'",
    '"a b" is no service. (Write the names of units with commas between them.)',
  ],
}

for (const [what, [line, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t =>
    t.equal(compileFailure(`${line}\n${leastKickstart}`), `error: box/box.ks:1: ${error}`)
  )
}
