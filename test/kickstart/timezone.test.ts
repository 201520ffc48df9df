/** The time zone, the hardware clock, and NTP. */
import t from 'tap'
import { compile, compileFailure, leastKickstart } from '../fixtures/kickstart.js'

function files(text: string): Readonly<Record<string, string>> {
  return compile(`${text}\n${leastKickstart}`).files
}

function implied(text: string): readonly string[] {
  return compile(`${text}\n${leastKickstart}`).packages.implied.map(each => each.name)
}

t.test('sets the time zone, the clock and who keeps it right', async t => {
  t.equal(files('timezone --utc Europe/Berlin')['system/etc/timezone'], 'Europe/Berlin\n')
  t.equal(files('timezone --utc Europe/Berlin')['system/etc/adjtime'], undefined)
  t.match(files('timezone Europe/Berlin')['system/etc/adjtime'], /LOCAL/)
  t.ok(implied('timezone UTC').includes('systemd-timesyncd'))
  t.notOk(implied('timezone --nontp UTC').includes('systemd-timesyncd'))
  t.notOk(
    compile(`timezone UTC\n${leastKickstart}%packages\nchrony\n%end\n`).packages.include.includes(
      'systemd-timesyncd'
    )
  )
  t.equal(
    files('timezone UTC --ntpservers=a.example,b.example')[
      'system/etc/systemd/timesyncd.conf.d/kickstart.conf'
    ],
    '[Time]\nNTP=a.example b.example\n'
  )
})

const wrong: Readonly<Record<string, readonly [text: string, error: string]>> = {
  'a time zone with a typing error': [
    'timezone Europe/Berln',
    '"Europe/Berln" is no time zone. (Did you mean "Europe/Berlin"?)',
  ],
  'a time zone that is an offset': [
    'timezone +02:00',
    '"+02:00" is no time zone. (Write it like Europe/Berlin or Etc/UTC.)',
  ],
}

for (const [what, [text, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t =>
    t.equal(compileFailure(`${text}\n${leastKickstart}`), `error: box/box.ks:1: ${error}`)
  )
}

t.test('refuses a time service that contradicts --nontp or --ntpservers', async t => {
  const chrony = `${leastKickstart}%packages\nchrony\n%end\n`
  t.equal(
    compileFailure(`timezone UTC --nontp\n${chrony}`),
    'error: box/box.ks:1: timezone --nontp contradicts %packages, which has chrony. (Keep one of the two.)'
  )
  t.equal(
    compileFailure(`timezone UTC --ntpservers=a.example\n${chrony}`),
    'error: box/box.ks:1: --ntpservers is for systemd-timesyncd, and %packages has chrony. (Configure chrony in %post.)'
  )
})
