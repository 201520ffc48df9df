/** The roles of the el appliance: rendered whole, valid for their release, with every address and key from the description. */
import t from 'tap'
import { spawnSync } from 'node:child_process'
import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import type { KickstartSection } from '../../pipeline/kickstart/types.js'
import { reviewFile } from '../../pipeline/kickstart/review-file.js'
import { renderRoles } from '../../pipeline/render/el.js'
import { renderFamily } from '../../pipeline/render/family.js'
import { loadAppliance } from '../../pipeline/spec/load.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const load = (set: readonly string[] = [], root = repository) => loadAppliance({ root, name: 'eucalyptus', set, knownTargets: ['kvm'] })
const roles = await renderRoles(await load())

t.test('there are the five roles, without warnings', async t => {
  t.same(roles.map(({ name, warnings }) => [name, warnings]), ['ciab', 'core', 'frontend', 'minimal', 'nc'].map(name => [name, []]))
})

for (const { name, kickstart } of roles) {
  t.test(`${name} is one whole file, valid for RHEL 7 and strictly so`, async t => {
    matchGolden(t, `eucalyptus/${name}.ks`, kickstart)
    t.notMatch(kickstart, /^%include/m)
    const readInclude = () => t.fail('reads no other file') as never
    t.same(reviewFile(kickstart, { file: `${name}.ks`, readInclude, strict: true }), { release: 'RHEL7', warnings: [] })
  })
}

const iso = { diskRule: 'only', countdownSeconds: 30, bundle: true, chooseDisk: readFileSync(join(repository, 'templates/iso/choose-disk.sh'), 'utf8') }

t.test('every script of every role, on a medium too, is whole to the shell that reads it', async t => {
  for (const { name, kickstart } of [...roles, ...(await renderRoles(await load(), { iso }))]) {
    const tree = parseKickstart(kickstart, { file: `${name}.ks`, readInclude: () => '', keepInclude: () => true })
    const scripts = tree.nodes.filter(node => node.kind === 'section' && node.name !== '%packages') as KickstartSection[]
    t.ok(scripts.length > 4, name)
    for (const { lines, place } of scripts) {
      const { stderr } = spawnSync('bash', ['-n'], { input: lines.map(({ text }) => `${text}\n`).join(''), encoding: 'utf8' })
      t.equal(stderr, '', `${name}:${place.line}`)
    }
  }
})

t.test('the roles are not kickstarts of another generation', async t => {
  const readInclude = () => ''
  for (const release of ['6', '9', '10']) {
    t.throws(() => reviewFile(roles[0]?.kickstart ?? '', { file: 'ciab.ks', readInclude, release }), /problems:|RHEL9 no longer has the command "install"/, release)
  }
})

t.test('one --set leads every address to a mirror; keys and ISOs of this machine stay', async t => {
  const [ciab] = await renderRoles(await load(['el.mirror=http://mirror.example/copies/']))
  const addresses = [...(ciab?.kickstart ?? '').matchAll(/https?:\/\/[^\s'"]+/g)].map(([address]) => address)
  t.ok(addresses.length > 10)
  const upstream = Object.values((await load()).spec.el.repositories).map(({ url }) => url).sort()
  t.same(addresses.filter(address => !address.startsWith('http://mirror.example/copies/')).sort(), upstream, 'the image itself asks the repositories')
  t.match(ciab?.kickstart, 'baseurl=http://mirror.example/copies/vault.centos.org/7.9.2009/os/x86_64/\n')
  t.match(ciab?.kickstart, "import_key centos 'file:///etc/pki/rpm-gpg/RPM-GPG-KEY-CentOS-7' 6341AB2753D78A78A7C27BB124C6A8A7F4A80EB5\n")
})

t.test('an installation tree is named by its address, a repository may be another one', async t => {
  const set = ['el.installerUrl=https://vault.centos.org/7.9.2009/os/x86_64/', 'el.repositories.base.url=http://192.0.2.1/base']
  const [ciab] = await renderRoles(await load(set))
  t.match(ciab?.kickstart, /^url --url=https:\/\/vault\.centos\.org\/7\.9\.2009\/os\/x86_64\/$/m)
  t.notMatch(ciab?.kickstart, /^cdrom$/m)
  t.match(ciab?.kickstart, /^baseurl=http:\/\/192\.0\.2\.1\/base$/m)
})

t.test('a part that the release refuses is named with its file and line', async t => {
  const root = t.testdir({})
  cpSync(join(repository, 'kickstarts'), join(root, 'kickstarts'), { recursive: true })
  const part = join(root, 'kickstarts/eucalyptus/parts/accounts.ks.hbs')
  writeFileSync(part, '{{#if source.iso}}\n# from the medium\n{{/if}}\nauthselect select minimal\nrootpw --lock\n')
  const error = await failureOf(load([], root).then(renderRoles))
  const message = `${part}:4: RHEL7 has no command "authselect". (Take it out, or describe the same in a %post script.)`
  t.equal(formatError(error), `error: ${message}`)
})

t.test('what is written for people: every role, and what goes into the image, with the shared engine', async t => {
  const { files, warnings } = await renderFamily(await load())
  const paths = files.map(({ path }) => path)
  t.same(warnings, [])
  for (const { name } of roles) t.ok(paths.includes(`${name}.ks`))
  t.ok(paths.includes('provision/first-boot/usr/lib/evc/first-boot'))
  t.same(paths.filter(path => path.endsWith('.hbs')), [])
})
