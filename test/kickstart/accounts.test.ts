/** Groups, users, passwords and keys. */
import t from 'tap'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

const hash = '$6$salt$hash./0'

function lines(text: string, what: string): readonly string[] {
  return stepLines(compile(`${text}\n${leastKickstart}`), what)
}

t.test('makes groups before users, and users before their keys', async t => {
  const script =
    compile(
      `sshkey --username=evc 'ssh-ed25519 AAAA'\nuser --name=evc --groups=demo\ngroup --name=demo --gid=1500\n${leastKickstart}`
    ).files['install.sh'] ?? ''
  const order = [
    'groupadd --gid 1500 -- demo',
    'useradd --create-home',
    "add_ssh_key evc 'ssh-ed25519 AAAA'",
  ].map(part => script.indexOf(part))
  t.same(
    order,
    order.toSorted((a, b) => a - b)
  )
  t.notOk(order.includes(-1))
})

t.test('gives every word of a user to useradd as it is', async t => {
  t.same(
    lines(
      `user --name=evc --gecos="It's the \\"box\\" \\$HOME" --groups=sudo,adm --shell=/bin/sh --homedir=/srv/evc --uid=1700`,
      'make user evc'
    ),
    [
      `in_target useradd --create-home --no-log-init --shell /bin/sh --home-dir /srv/evc --uid 1700 --comment 'It'\\''s the "box" \\$HOME' --groups sudo,adm -- evc`,
    ]
  )
})

t.test("makes a user's own group when it is given by number", async t => {
  t.same(lines('user --name=evc --gid=1700', 'make user evc'), [
    'in_target getent group 1700 >/dev/null || in_target groupadd --gid 1700 -- evc',
    'in_target useradd --create-home --no-log-init --shell /bin/bash --gid 1700 -- evc',
  ])
})

t.test('passes passwords through standard input', async t => {
  t.same(lines(`rootpw --iscrypted ${hash}`, `set root's password`), [
    `printf '%s\\n' 'root:${hash}' | in_target chpasswd --encrypted`,
  ])
  t.same(lines('rootpw --lock', `set root's password`), ['in_target usermod --lock -- root'])
  t.equal(
    lines(`user --name=evc --password='a b:c'\\''"#'`, 'make user evc')[1],
    `printf '%s\\n' 'evc:a b:c'\\''"#' | in_target chpasswd`
  )
  t.equal(lines('user --name=evc --lock', 'make user evc')[1], 'in_target usermod --lock -- evc')
})

const wrong: Readonly<Record<string, string>> = {
  'user --groups=x': 'user needs --name. (Add --name.)',
  'user --name=Evc':
    '"Evc" is no user name. (Use lower-case letters, digits, dashes and underscores, a letter first.)',
  'user --name=evc --groups=sudo,-x':
    '"-x" is no user name. (Use lower-case letters, digits, dashes and underscores, a letter first.)',
  'group --name=a:b':
    '"a:b" is no group name. (Use lower-case letters, digits, dashes and underscores, a letter first.)',
  'user --name=evc --shell=bash': '--shell=bash is no absolute path. (Write it like /bin/bash.)',
  'user --name=evc --gecos=a:b': '--gecos has a colon. (Separate its parts with commas.)',
  'rootpw':
    'rootpw has neither a password nor --lock. (Write rootpw --lock, or rootpw --iscrypted HASH.)',
  'rootpw --iscrypted secret':
    'rootpw --iscrypted is followed by something that is no password hash. (Make one with mkpasswd or openssl passwd -6, and put it in single quotes.)',
  'rootpw --iscrypted --plaintext x':
    'rootpw has both --iscrypted and --plaintext. (Keep the one that is true of the password.)',
  'user --name=evc --plaintext':
    'user says what kind of password it has, and has none. (Add the password, or --lock.)',
  "rootpw ''": 'rootpw has an empty password. (Write --lock for an account without one.)',
  'sshkey --username=evc AAAA':
    "sshkey has no public key. (Write it in quotes: sshkey --username=evc 'ssh-ed25519 AAAA... comment'.)",
}

for (const [line, error] of Object.entries(wrong)) {
  t.test(`refuses ${line}`, async t =>
    t.equal(compileFailure(`${line}\n${leastKickstart}`), `error: box/box.ks:1: ${error}`)
  )
}
