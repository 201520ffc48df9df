/** `pipeline iso --bundle`: all packages on the medium, put together by real tools out of a small repository made here. */
import t from 'tap'
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { makeBootIso } from '../fixtures/boot-iso.js'
import { startFileServer } from '../fixtures/file-server.js'
import { repository, runMain } from '../fixtures/main-run.js'
import { makeRpmRepository, makeSigningKey } from '../fixtures/rpm-repository.js'
import { realRun } from '../fixtures/sealed-disk.js'

t.setTimeout(240_000)
const folder = t.testdir({ web: {}, root: { kickstarts: {} }, medium: {} })
mkdirSync(join(folder, 'other'))
mkdirSync(join(folder, 'nobody'))
const [key, other, nobody] = [await makeSigningKey(folder), await makeSigningKey(join(folder, 'other')), await makeSigningKey(join(folder, 'nobody'))]
await makeRpmRepository(join(folder, 'web/signed'), [
  { name: 'alpha', requires: ['beta'] }, { name: 'beta' }, { name: 'unasked' },
  { name: 'old-libs', requires: ['newer'] }, { name: 'newer' }, { name: 'torn', requires: ['nowhere'] },
], key)
await makeRpmRepository(join(folder, 'web/foreign'), [{ name: 'alpha' }], other)
await makeRpmRepository(join(folder, 'web/nobody'), [{ name: 'alpha' }], nobody)
await makeRpmRepository(join(folder, 'web/torn'), [{ name: 'alpha', requires: ['nowhere'] }], key)
writeFileSync(join(folder, 'web/key.asc'), key.publicKey)
const server = await startFileServer(join(folder, 'web'))
t.teardown(server.close)
const medium = await makeBootIso(join(folder, 'medium'), {
  key: other.publicKey, packages: ['old-libs-0.9-3.el7.noarch.rpm', 'torn-1-1.noarch.rpm', 'medium-only-2.1-1.el7.x86_64.rpm'],
})

/** The parts of the real appliance, with packages of this test in the place of its own. */
const appliance = join(folder, 'root/kickstarts/bundled')
cpSync(join(repository, 'kickstarts/eucalyptus/parts'), join(appliance, 'parts'), { recursive: true })
writeFileSync(
  join(appliance, 'minimal.ks.hbs'),
  '#version=RHEL7\n%include parts/install.ks\n%include parts/disk.ks\n%include parts/accounts.ks\n%packages\n@core\n%end\n' +
    '%include parts/repositories.ks\n%include parts/updates.ks\n%post --erroronfail\n/usr/local/sbin/evc-install-packages alpha\n%end\n%include parts/signatures.ks\n'
)
writeFileSync(
  join(appliance, 'appliance.yaml'),
  JSON.stringify({
    title: 'Bundle of a test', version: '0.1.0', family: 'el', release: '7.9', kickstart: 'minimal.ks.hbs', hardware: { diskGib: 20 },
    params: { domain: 'test' },
    el: {
      installerUrl: medium.path, installerSha256: medium.sha256,
      repositories: { own: { url: `${server.url}/signed/`, key: 'own' } },
      keys: {
        own: { url: `${server.url}/key.asc`, fingerprint: key.fingerprint },
        centos: { url: 'file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7', fingerprint: other.fingerprint },
      },
    },
  })
)

const iso = (...set: readonly string[]) =>
  runMain(['iso', 'bundled', '--bundle', '--root', join(folder, 'root'), '--store', join(folder, 'state'), '-o', join(folder, 'out.iso'), ...set.flatMap(each => ['--set', each])])

t.test('holds the packages, what they need, an index, the keys, and a kickstart that finds them there', async t => {
  const { code, stderr } = await iso()
  t.equal(code, 0, stderr)
  const out = join(folder, 'extracted')
  await realRun(['xorriso', '-osirrox', 'on', '-indev', join(folder, 'out.iso'), '-extract', '/evc', out])
  t.same(readdirSync(join(out, 'bundle/packages')).sort(), ['alpha.rpm', 'beta.rpm', 'newer.rpm', 'old-libs.rpm', 'repodata'], "all that is needed, what is newer of the medium's own, and nothing else")
  t.ok(readdirSync(join(out, 'bundle/packages/repodata')).includes('repomd.xml'))
  t.equal(readFileSync(join(out, 'bundle/keys/own'), 'utf8'), key.publicKey)
  const kickstart = readFileSync(join(out, 'minimal.ks'), 'utf8')
  t.match(kickstart, '\nbaseurl=file:///mnt/evc-medium/evc/bundle/packages/\n')
  t.match(kickstart, `import_key own 'file:///mnt/evc-medium/evc/bundle/keys/own' ${key.fingerprint}`)
  t.match(kickstart, `printf 'baseurl=%s\\n' '${server.url}/signed/' >>/etc/yum.repos.d/own.repo`, 'the installed system asks the repository itself')
  t.match(kickstart, '\nif ! yum -y --skip-broken update ')
  t.match(kickstart, 'mount --bind /run/install/repo /mnt/sysimage/mnt/evc-medium')
  t.same(readdirSync(join(folder, 'state')).filter(name => name.startsWith('bundle')), [], 'nothing of it stays behind')
})

t.test('a key that comes with the minimal system is taken from the boot ISO, and compared', async t => {
  t.equal((await iso(`el.repositories.own.url=${server.url}/foreign/`)).code, 0, 'its packages are signed by that key')
  const wrong = await iso(`el.keys.centos.fingerprint=${'A'.repeat(40)}`)
  t.equal(wrong.code, 2)
  t.match(wrong.stderr, `error: The key centos at ${medium.path}:/RPM-GPG-KEY-CentOS-7 is not the one that was meant: ${other.fingerprint}, not ${'A'.repeat(40)}.`)
  const gone = await iso('el.keys.centos.url=file:///etc/pki/rpm-gpg/RPM-GPG-KEY-other')
  t.equal(gone.code, 2)
  t.match(gone.stderr, '/RPM-GPG-KEY-other')
})

t.test('a package with a signature by another key, and one whose needs nobody has, are refused', async t => {
  const foreign = await iso(`el.repositories.own.url=${server.url}/nobody/`)
  t.equal(foreign.code, 4)
  t.match(foreign.stderr, "error: 1 of the installer's packages bear no signature by a key of the spec.")
  t.match(foreign.stderr, 'alpha.rpm: ')
  const torn = await iso(`el.repositories.own.url=${server.url}/torn/`)
  t.equal(torn.code, 4)
  t.match(torn.stderr, 'error: dnf could not put all packages of the installer together.')
  t.match(torn.stderr, 'nothing provides nowhere')
})

t.test('an appliance whose installer brings everything along anyway needs none', async t => {
  t.same(await runMain(['iso', 'ciab', '--bundle', '--store', join(folder, 'state')]), {
    code: 2, stdout: '',
    stderr: 'error: --bundle is for installers of the el family: that of ciab holds all packages already. (leave --bundle out)\n',
  })
})
