/** Host name, language, keyboard. */
import t from 'tap'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

function files(text: string): Readonly<Record<string, string>> {
  return compile(`${text}\n${leastKickstart}`).files
}

function implied(text: string): readonly string[] {
  return compile(`${text}\n${leastKickstart}`).packages.implied.map(each => each.name)
}

t.test('names the host, and says where itself is', async t => {
  t.equal(files('network --hostname=box.example.org')['system/etc/hostname'], 'box.example.org\n')
  t.match(
    files('network --hostname=box.example.org')['system/etc/hosts'],
    /^127\.0\.1\.1 box\.example\.org box$/m
  )
  t.match(files('network --hostname=box')['system/etc/hosts'], /^127\.0\.1\.1 box$/m)
  t.equal(compile(leastKickstart).hostname, 'localhost', "not the build host's")
  t.equal(compile(leastKickstart).files['system/etc/hostname'], 'localhost\n')
})

t.test('C.UTF-8 needs nothing, another language is generated', async t => {
  t.equal(files('lang C.UTF-8')['system/etc/locale.conf'], 'LANG=C.UTF-8\n')
  const german = compile(
    `lang de_DE.UTF-8 --addsupport=en_GB.UTF-8\n${leastKickstart}%packages\nlocales\n%end\n`
  )
  t.equal(german.files['system/etc/locale.gen'], 'de_DE.UTF-8 UTF-8\nen_GB.UTF-8 UTF-8\n')
  t.equal(stepLines(german, 'set the language de_DE.UTF-8').at(-1), 'in_target locale-gen')
})

t.test("the kernel's own keyboard needs nothing, another one is loaded", async t => {
  t.match(files('keyboard us')['system/etc/default/keyboard'], /^XKBLAYOUT="us"\nXKBVARIANT=""$/m)
  t.notOk(implied('keyboard us').includes('console-setup'))
  t.ok(implied('keyboard de').includes('console-setup'))
  const two = files(
    `keyboard --vckeymap=us --xlayouts='us','de (nodeadkeys)' --switch=grp:alt_shift_toggle`
  )
  t.match(
    two['system/etc/default/keyboard'],
    /^XKBLAYOUT="us,de"\nXKBVARIANT=",nodeadkeys"\nXKBOPTIONS="grp:alt_shift_toggle"$/m
  )
})

const wrong: Readonly<Record<string, readonly [text: string, error: string]>> = {
  'a host name with an underscore': [
    'network --hostname=my_box',
    '"my_box" is no host name. (Use letters, digits and dashes, with dots between parts, 64 at most.)',
  ],
  'a language without its encoding': [
    'lang de_DE',
    '"de_DE" is no locale that the debian family can make. (Write it like de_DE.UTF-8, or C.UTF-8.)',
  ],
  'a language that nothing generates': [
    'lang de_DE.UTF-8',
    'de_DE.UTF-8 must be generated, and %packages has no "locales". (Add locales to %packages, or write lang C.UTF-8.)',
  ],
  'a keyboard that is none': [
    'keyboard US!',
    '"US!" is no keyboard layout. (Write it like us, or \'de (nodeadkeys)\'.)',
  ],
}

for (const [what, [text, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t => {
    const found = compileFailure(`${text}\n${leastKickstart}`).split('\n')
    t.ok(
      [`error: box/box.ks:1: ${error}`, `  box/box.ks:1: ${error}`].some(line => found.includes(line)),
      found.join('\n')
    )
  })
}
