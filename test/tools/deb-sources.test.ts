/** Debian sources: the host's mirror among all kinds of rows, suites, lines, and credentials that are not shown. */
import t from 'tap'
import {
  debianCodename,
  formatSource,
  hostMirror,
  inReleaseUrl,
  parseSources,
  suitesOf,
  withoutCredentials,
} from '../../pipeline/tools/deb-sources.js'
import { interrupted, toolMissing } from '../../pipeline/errors/tools.js'
import { fakeRun } from '../fixtures/fake-run.js'

const rows = (...lines: readonly (readonly string[])[]) =>
  fakeRun([{ on: /^apt-get indextargets /, stdout: lines.map(line => `${line.join('\t')}\n`).join('') }])

const bookworm = { codename: 'bookworm', cache: '/state/cache.bin' }

t.test("takes Debian's own rows of the host, third parties' never", async t => {
  const { run, calls } = rows(
    ['http://third.example/apt/', 'bookworm', 'main', 'Third Party'],
    ['http://mirror.example/debian/', 'bookworm', 'contrib', 'Debian'],
    ['http://mirror.example/debian/', 'bookworm', 'main', 'Debian'],
    ['http://mirror.example/debian/', 'bookworm-updates', 'main', 'Debian'],
    ['http://third.example/security/', 'bookworm-security', 'main', 'Third Party'],
    ['http://security.example/debian-security/', 'bookworm-security', 'main', 'Debian']
  )
  t.same(await hostMirror(run, bookworm), {
    main: 'http://mirror.example/debian',
    security: 'http://security.example/debian-security',
  })
  t.same(calls[0]?.command, [
    'apt-get', 'indextargets', '--option=Dir::Cache::pkgcache=/state/cache.bin', '--format', '$(REPO_URI)\t$(RELEASE)\t$(COMPONENT)\t$(ORIGIN)', 'Identifier: Packages',
  ])
})

t.test('takes rows of unknown origin where the host has no indexes yet, after known ones', async t => {
  const unknown = ['http://fresh.example/debian/', 'bookworm', 'main', '']
  t.same(await hostMirror(rows(unknown).run, bookworm), { main: 'http://fresh.example/debian' })
  const known = ['http://mirror.example/debian/', 'bookworm', 'main', 'Debian']
  t.same(await hostMirror(rows(unknown, known).run, bookworm), { main: 'http://mirror.example/debian' })
})

t.test('finds no mirror where there is none that HTTP reaches, no apt, or no Debian', async t => {
  const local = ['file:/media/debian/', 'mirror+file:/etc/apt/mirrors/debian.list'].map(url => [url, 'bookworm', 'main', 'Debian'])
  t.equal(await hostMirror(rows(...local).run, bookworm), undefined)
  t.equal(await hostMirror(rows(['http://mirror.example/debian/', 'sid', 'main', 'Debian']).run, bookworm), undefined)
  const error = toolMissing({ file: 'apt-get', reason: 'build', hint: 'none' })
  t.equal(await hostMirror(fakeRun([{ on: /^apt-get/, error }]).run, bookworm), undefined)
  t.equal(await hostMirror(fakeRun().run, { ...bookworm, codename: undefined }), undefined)
})

t.test('an interruption is no missing mirror', async t => {
  await t.rejects(hostMirror(fakeRun([{ on: /^apt-get/, error: interrupted() }]).run, bookworm), { code: 'interrupted' })
})

t.test("reads the codename of a Debian, and of none of its children", async t => {
  t.equal(debianCodename('NAME="Debian GNU/Linux"\nVERSION_CODENAME=bookworm\nID=debian\n'), 'bookworm')
  t.equal(debianCodename('ID="debian"\nVERSION_CODENAME="trixie"\n'), 'trixie')
  t.equal(debianCodename('ID=ubuntu\nID_LIKE=debian\nVERSION_CODENAME=noble\n'), undefined)
  t.equal(debianCodename('ID=debian\n'), undefined)
})

t.test('derives the security archive from the main one unless it is known', async t => {
  const urls = (mirror: Parameters<typeof suitesOf>[1]) => suitesOf('trixie', mirror).map(source => `${source.url} ${source.suite}`)
  t.same(urls({ main: 'http://m.example/debian' }), [
    'http://m.example/debian trixie',
    'http://m.example/debian trixie-updates',
    'http://m.example/debian-security trixie-security',
  ])
  t.equal(urls({ main: 'http://m.example/debian', security: 'http://s.example/sec' })[2], 'http://s.example/sec trixie-security')
})

t.test('reads lines of a sources.list, writes them with the keyring, and asks for their index', async t => {
  const source = { url: 'http://m.example/debian', suite: 'trixie', component: 'main' }
  t.same(parseSources('# a comment\ndeb [arch=amd64] http://m.example/debian/ trixie main contrib\ndeb-src http://m.example/debian trixie main\n'), [source])
  t.equal(formatSource(source), 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://m.example/debian trixie main')
  t.same(parseSources(formatSource(source)), [source])
  t.equal(inReleaseUrl(source), 'http://m.example/debian/dists/trixie/InRelease')
})

t.test('shows URLs without credentials', async t => {
  t.equal(withoutCredentials('https://user:secret@m.example:8080/debian'), 'https://m.example:8080/debian')
  t.equal(withoutCredentials('HTTP://token@m.example/debian'), 'HTTP://m.example/debian')
  t.equal(withoutCredentials('http://m.example/a@b'), 'http://m.example/a@b')
})
