/** Repositories and keys are asked before a build: one real repository of small packages, behind a server that can be told to fail. */
import t from 'tap'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { fixedDefaults } from '../../pipeline/spec/defaults.js'
import { askRepositories, wantedPackages, wantsDemoImage } from '../../pipeline/stages/repositories.js'
import { failureOf } from '../fixtures/failure.js'
import { startFileServer } from '../fixtures/file-server.js'
import { makeRpmRepository, makeSigningKey } from '../fixtures/rpm-repository.js'
import { realRun } from '../fixtures/sealed-disk.js'

const folder = t.testdir({ web: {}, state: {}, other: {} })
await makeRpmRepository(join(folder, 'web/base'), [{ name: 'alpha', provides: ['greek(letter)'] }, { name: 'beta', requires: ['alpha'] }])
const [key, other] = [await makeSigningKey(folder), await makeSigningKey(join(folder, 'other'))]
writeFileSync(join(folder, 'web/key.asc'), key.publicKey)
const server = await startFileServer(join(folder, 'web'))
t.teardown(server.close)

const { signal } = new AbortController()

function ask(packages: readonly string[], more: { url?: string; fingerprint?: string; offline?: boolean; demoImageUrl?: string; demoImage?: boolean } = {}) {
  const el = {
    ...fixedDefaults.el,
    repositories: { base: { url: more.url ?? `${server.url}/base/`, key: 'own' } },
    demoImageUrl: more.demoImageUrl ?? '',
    keys: { own: { url: `${server.url}/key.asc`, fingerprint: more.fingerprint ?? key.fingerprint }, inside: { url: 'file:///etc/key', fingerprint: '' } },
  }
  const wanted = { packages, demoImage: more.demoImage ?? true }
  return askRepositories({ spec: { name: 'x', el }, ...wanted, stateDirectory: join(folder, 'state'), offline: more.offline ?? false, signal }, realRun)
}

t.test('a package is there by its name, by what it provides, and by a file', async t => {
  const found = await ask(['alpha', 'beta', 'greek(letter)'])
  t.match(found, [{ id: 'base', url: `${server.url}/base/`, sha256: /^[0-9a-f]{64}$/ }])
  t.ok((found[0]?.revision ?? 0) > 1_700_000_000, 'its age is known')
  t.same(await ask(['alpha', 'beta', 'greek(letter)'], { offline: true }), found, 'and is remembered')
})

t.test('what is missing, does not answer or is not what was meant is one error', async t => {
  const table: readonly (readonly [() => Promise<unknown>, string])[] = [
    [() => ask(['alpha', 'gamma', 'delta']), 'error: No repository has the packages gamma, delta. (asked were base; add the one that has gamma to el.repositories, or take the name out of the kickstart)'],
    [
      () => ask([], { url: `${server.url}/none` }),
      `error: The repository base does not answer: ${server.url}/none/repodata/repomd.xml: HTTP 404. (name a copy: --set el.repositories.base.url=URL, or a mirror of all addresses: --set el.mirror=URL)`,
    ],
    [
      () => ask([], { fingerprint: 'A'.repeat(40) }),
      `error: The key own at ${server.url}/key.asc is not the one that was meant: ${key.fingerprint}, not ${'A'.repeat(40)}. (compare it with its owner's word; then --set el.keys.own.fingerprint=FINGERPRINT)`,
    ],
    [
      () => ask([], { demoImageUrl: `${server.url}/gone.img` }),
      `error: The demo image does not answer: ${server.url}/gone.img: HTTP 404. (name a copy: --set el.demoImageUrl=URL, or a mirror of all addresses: --set el.mirror=URL)`,
    ],
    [() => ask(['never asked'], { offline: true }), 'error: Cannot build x offline: what its repositories hold was never asked on this store. (run once without --offline)'],
  ]
  for (const [asked, wanted] of table) t.equal(formatError(await failureOf(asked())), wanted)
})

t.test('a demo image that answers, or that the kickstart does not fetch, is no obstacle', async t => {
  const there = `${server.url}/base/repodata/repomd.xml`
  await t.resolves(ask([], { demoImageUrl: there }))
  await t.resolves(ask([], { demoImageUrl: `${server.url}/gone.img`, demoImage: false }))
  const rendered = `curl --output /usr/share/evc/demo.source '${there}' || {`
  t.equal(wantsDemoImage(rendered, { demoImageUrl: there }), true)
  t.equal(wantsDemoImage(rendered, { demoImageUrl: `${server.url}/other.img` }), false)
  t.equal(wantsDemoImage(rendered, { demoImageUrl: '' }), false)
})

t.test('a key with another one behind it is refused: rpm would trust both', async t => {
  writeFileSync(join(folder, 'web/two.asc'), `${key.publicKey}${other.publicKey}`)
  const el = { ...fixedDefaults.el, keys: { own: { url: `${server.url}/two.asc`, fingerprint: key.fingerprint } } }
  t.equal(
    formatError(await failureOf(askRepositories({ spec: { name: 'x', el }, packages: [], demoImage: false, stateDirectory: join(folder, 'state'), offline: false, signal }, realRun))),
    `error: The file of the key own at ${server.url}/two.asc holds 2 keys, and all of them would be trusted: ${key.fingerprint}, ${other.fingerprint}. (name a file of this key alone: --set el.keys.own.url=URL)`
  )
})

t.test('an index or a list that was changed on its way is refused', async t => {
  const index = readFileSync(join(folder, 'web/base/repodata/repomd.xml'), 'utf8').replaceAll(
    /(<checksum type="sha256">)([0-9a-f])/g,
    (_, tag: string, first: string) => `${tag}${first === 'f' ? '0' : 'f'}`
  )
  const broken = createServer((request, response) => {
    if (request.url === '/plain/repodata/repomd.xml') response.end('<html>hello</html>')
    else if (request.url === '/list/repodata/repomd.xml') response.end(index)
    else if (request.url?.startsWith('/list/')) response.end(readFileSync(join(folder, 'web/base', request.url.slice('/list/'.length))))
    else response.writeHead(404).end()
  }).listen(0, '127.0.0.1')
  t.teardown(() => broken.close())
  await new Promise(resolve => broken.once('listening', resolve))
  const url = `http://127.0.0.1:${(broken.address() as AddressInfo).port}`
  const hint = '(name another copy: --set el.repositories.base.url=URL)'
  t.equal(
    formatError(await failureOf(ask([], { url: `${url}/plain` }))),
    `error: The repository base at ${url}/plain/ cannot be used: its repomd.xml names no list of packages. ${hint}`
  )
  t.match(formatError(await failureOf(ask([], { url: `${url}/list` }))), /cannot be used: its list of packages has the digest [0-9a-f]{64}, not [0f][0-9a-f]{63}\. /)
})

t.test('the names are those that the kickstart gives to its own program', async t => {
  const text = [
    "cat >/usr/local/sbin/evc-install-packages <<'END'", 'END', 'chmod 755 /usr/local/sbin/evc-install-packages',
    '/usr/local/sbin/evc-install-packages beta alpha \\', '  gamma-1 \\', '  /usr/bin/delta', '  evc-install-packages alpha', 'rm -f /usr/local/sbin/evc-install-packages',
  ].join('\n')
  t.same(wantedPackages(text), ['/usr/bin/delta', 'alpha', 'beta', 'gamma-1'])
})
