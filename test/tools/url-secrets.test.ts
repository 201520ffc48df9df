/** What of a URL is secret, and as what its host can be searched for. */
import t from 'tap'
import { leastNeedleLength, needleForms } from '../../pipeline/tools/needles.js'
import { environmentProxies, hostNeedle, maskedUrl, splitLogin, urlNeedles, urlWords } from '../../pipeline/tools/url-secrets.js'

t.test('the secret of a URL is its password, or a user that stands alone, as written and decoded', async t => {
  const table: Readonly<Record<string, readonly string[]>> = {
    'http://m.example/debian': [],
    'http://user:sesame@m.example/debian': ['sesame'],
    'http://user:p%40ssword@m.example/debian': ['p%40ssword', 'p@ssword'],
    'http://user:100%@m.example/': ['100%'],
    'https://token-of-mine@m.example/debian': ['token-of-mine'],
    'no URL': [],
  }
  for (const [url, words] of Object.entries(table)) t.same(urlWords(url), words, url)
})

t.test('a short secret is searched for with what stands around it', async t => {
  const table: Readonly<Record<string, readonly string[]>> = {
    'http://user:p%40ssword@m.example/debian': ['p%40ssword', 'p@ssword'],
    'http://user:12345@m.example/debian': ['http://user:12345@m.example'],
    'http://user:p%40ss@m.example/debian': ['p%40ss', 'http://user:p@ss@m.example'],
    'http://a@b/debian': ['http://a@b'],
  }
  for (const [url, words] of Object.entries(table)) t.same(urlNeedles(url), words, url)
})

t.test('a host whose name is an ordinary word is searched for as URLs have it', async t => {
  const table: Readonly<Record<string, string | undefined>> = {
    'http://mirror.example/debian': 'mirror.example',
    'http://user:sesame@mirror.example:8080/debian': 'mirror.example:8080',
    'http://debian/debian': '//debian/',
    'http://proxy:3128': 'proxy:3128',
    'http://a.b/debian': '//a.b/',
    'http://a/debian': 'http://a/',
    'http://localhost/debian': undefined,
    'http://127.0.0.1:3142/': '127.0.0.1:3142',
    'http://[::1]/debian': undefined,
    DIRECT: undefined,
  }
  for (const [url, needle] of Object.entries(table)) t.equal(hostNeedle(url), needle, url)
})

t.test('nothing of a URL is too short to be searched for', async t => {
  const urls = ['http://a/', 'http://a@b/', 'http://a:b@c/', 'https://a:12345@debian:1/', 'http://a.b/']
  const values = urls.flatMap(url => [...urlNeedles(url), hostNeedle(url) ?? ''])
  t.ok(values.every(value => value.length >= leastNeedleLength), values.join(' '))
  t.doesNotThrow(() => needleForms(values.map(value => ({ name: 'x', value }))))
})

t.test('proxies of the environment are read as programs read them', async t => {
  const env = {
    http_proxy: 'http://proxy.example:3128', HTTPS_PROXY: 'user:sesame@other.example:3128', ftp_proxy: '', all_proxy: 'http://proxy.example:3128',
    no_proxy: 'localhost,m.example', NO_PROXY: 'a:b@c', PATH: '/bin',
  }
  t.same(environmentProxies(env), ['http://proxy.example:3128', 'http://user:sesame@other.example:3128'])
})

t.test('an address is shown without user and password, whether it is a URL or not', async t => {
  const table: Readonly<Record<string, string>> = {
    'http://user:sesame@m.example/a@b': 'http://***@m.example/a@b',
    'https://token@m.example/': 'https://***@m.example/',
    'http://m.example/a@b': 'http://m.example/a@b',
    'user:sesame@m.example:9000': '***@m.example:9000',
    'http://user:ses/ame@m.example/': 'http://***@m.example/',
    'm.example:9000': 'm.example:9000',
  }
  for (const [url, shown] of Object.entries(table)) t.equal(maskedUrl(url), shown, url)
})

t.test('a login is split from its address, decoded; one that is not well encoded is taken as it is', async t => {
  const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`
  t.strictSame(splitLogin('http://a.example/x'), { url: 'http://a.example/x' })
  t.strictSame(splitLogin('http://u:p%40@a.example/x'), { url: 'http://a.example/x', authorization: basic('u:p@') })
  t.strictSame(splitLogin('http://token@a.example/'), { url: 'http://a.example/', authorization: basic('token:') })
  t.strictSame(splitLogin('http://u:100%@a.example/').authorization, basic('u:100%'))
})
