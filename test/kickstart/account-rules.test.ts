/** Names, passwords and paths of accounts: what is taken, and what is said of the rest. */
import t from 'tap'
import { formatOneLine } from '../../pipeline/errors/pipeline-error.js'
import { fieldProblems, nameProblems, passwordProblems } from '../../pipeline/kickstart/account-rules.js'
import { OptionValues } from '../../pipeline/kickstart/options.js'
import type { ReadCommand } from '../../pipeline/kickstart/read-commands.js'

const user = (options: Readonly<Record<string, string>>): ReadCommand => ({
  name: 'user',
  place: { file: 'box.ks', line: 7 },
  values: new OptionValues(new Map(Object.entries(options).map(([name, value]) => [name, [value]] as const))),
  words: [],
})

interface Password {
  readonly options: Readonly<Record<string, string>>
  readonly password?: string
}

const crypted = { '--iscrypted': '' }
const plain = { '--plaintext': '' }

const good: Readonly<Record<string, Password>> = {
  'no password at all': { options: {} },
  'a plain one that looks like a hash': { options: plain, password: '$6$' },
  'one that does not say what it is': { options: {}, password: 'sesame' },
  'a SHA-512 hash': { options: crypted, password: '$6$salt$hash./0' },
  'a SHA-512 hash with rounds': { options: crypted, password: '$6$rounds=5000$salt$hash./0' },
  'a yescrypt hash': { options: crypted, password: '$y$j9T$salt$hash./0' },
  'an account that takes no password': { options: crypted, password: '!' },
  'another form of that': { options: crypted, password: '*' },
  'a locked account': { options: { ...plain, '--lock': '' } },
}

for (const [what, { options, password }] of Object.entries(good)) {
  t.test(`takes ${what}`, async t => t.strictSame(passwordProblems(user(options), password), []))
}

const noHash = 'box.ks:7: user --iscrypted is followed by something that is no password hash. (Make one with mkpasswd or openssl passwd -6, and put it in single quotes.)'
const wrong: Readonly<Record<string, Password & { readonly text: string }>> = {
  'both kinds at once': {
    options: { ...crypted, ...plain }, password: 'x',
    text: 'box.ks:7: user has both --iscrypted and --plaintext. (Keep the one that is true of the password.)',
  },
  'a hash that is none': { options: crypted, password: 'sesame', text: noHash },
  'a hash that the shell took its dollars from': { options: crypted, password: '/0', text: noHash },
  'a hash with the separator of /etc/shadow': { options: crypted, password: '$6$salt$ha:sh', text: noHash },
  'a hash with a second line': { options: crypted, password: '$6$salt$hash\nroot', text: noHash },
  'a kind without a password': {
    options: crypted,
    text: 'box.ks:7: user says what kind of password it has, and has none. (Add the password, or --lock.)',
  },
  'an empty password': { options: plain, password: '', text: 'box.ks:7: user has an empty password. (Write --lock for an account without one.)' },
  'an empty password of no kind': { options: {}, password: '', text: 'box.ks:7: user has an empty password. (Write --lock for an account without one.)' },
}

for (const [what, { options, password, text }] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t => t.strictSame(passwordProblems(user(options), password).map(formatOneLine), [text]))
}

t.test('names begin with a letter, have no blanks, and fit into 32 characters', async t => {
  t.strictSame(nameProblems(user({}), 'user', ['evc', '_apt', 'a', 'a-b_9', 'x'.repeat(32)]), [])
  const bad = ['', 'Evc', '9a', '-a', 'a b', 'a:b', 'a\nb', 'evc\n', 'x'.repeat(33), 'é']
  t.strictSame(
    nameProblems(user({}), 'group', bad).map(formatOneLine),
    bad.map(name => `box.ks:7: "${name}" is no group name. (Use lower-case letters, digits, dashes and underscores, a letter first.)`)
  )
})

t.test('paths are absolute, and no field holds the separator of /etc/passwd', async t => {
  t.strictSame(fieldProblems(user({ '--shell': '/bin/bash', '--homedir': '/srv/e-v.c', '--gecos': 'A person, room 7' })), [])
  t.strictSame(fieldProblems(user({})), [])
  t.strictSame(fieldProblems(user({ '--shell': 'bash', '--homedir': '/srv/a:b', '--gecos': 'a:b' })).map(formatOneLine), [
    'box.ks:7: --shell=bash is no absolute path. (Write it like /bin/bash.)',
    'box.ks:7: --homedir=/srv/a:b is no absolute path. (Write it like /bin/bash.)',
    'box.ks:7: --gecos has a colon. (Separate its parts with commas.)',
  ])
  t.strictSame(fieldProblems(user({ '--homedir': '/srv/a b' })).length, 1)
  t.strictSame(fieldProblems(user({ '--gecos': 'a\nroot::0:0' })).length, 1)
})
