/** Logins of apt's auth.conf. */
import t from 'tap'
import { join } from 'node:path'
import { readAptLogins, secretsIn } from '../../pipeline/tools/apt-auth.js'

t.test('reads passwords and tokens in every layout that apt reads', async t => {
  const text = [
    '# machine old.example login me password not-this-one', 'machine m.example login me password sesame-1 machine other.example',
    'login you', '  password   sesame-2', 'machine tokens.example/path login token-of-mine', 'machine short.example login me password 1234', '',
  ].join('\n')
  t.same(secretsIn(text), ['sesame-1', 'sesame-2', 'token-of-mine', 'login me password 1234'])
  t.same(secretsIn(''), [])
})

t.test('reads the file and its folder, and tells a bootstrap where they are', async t => {
  const folder = t.testdir({
    'auth.conf': 'machine a.example login me password sesame-a\n',
    'auth.conf.d': { 'b.conf': 'machine b.example login me password sesame-b\nmachine c.example login me password sesame-a\n' },
  })
  t.same(await readAptLogins(folder), {
    options: [`Dir::Etc::netrc "${join(folder, 'auth.conf')}";`, `Dir::Etc::netrcparts "${join(folder, 'auth.conf.d')}";`],
    secrets: ['sesame-a', 'sesame-b'],
  })
  t.same(await readAptLogins(join(folder, 'nowhere')), { options: [], secrets: [] })
})
