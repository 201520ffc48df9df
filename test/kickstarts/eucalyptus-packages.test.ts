/** The %post scripts that install the cloud's packages, run with programs of this test in place of yum, rpm and systemd. */
import t from 'tap'
import type { Test } from 'tap'
import { spawnSync } from 'node:child_process'
import { chmodSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import type { KickstartSection } from '../../pipeline/kickstart/types.js'
import { renderRoles } from '../../pipeline/render/el.js'
import { loadAppliance } from '../../pipeline/spec/load.js'

const root = fileURLToPath(new URL('../../', import.meta.url))
const roles = await renderRoles(await loadAppliance({ root, name: 'eucalyptus', set: [], knownTargets: ['kvm'] }))
const tree = parseKickstart(roles.find(({ name }) => name === 'ciab')?.kickstart ?? '', { file: 'ciab.ks', readInclude: () => '' })

/** Runs the %post that installs this package, with these programs in place of the system's. */
function installScript(t: Test, packageName: string, programs: Readonly<Record<string, string>>) {
  const call = `/usr/local/sbin/evc-install-packages ${packageName} `
  const post = tree.nodes.find(node => node.kind === 'section' && node.lines.some(({ text }) => text.startsWith(call))) as KickstartSection
  const noting = (name: string, body: string) => `#!/bin/sh\necho "${name} $*" >>"$(dirname "$0")/said"\n${body}\n`
  const all = { 'evc-install-packages': ':', systemctl: ':', chkconfig: ':', rpm: ':', ...programs }
  const folder = t.testdir(Object.fromEntries(Object.entries(all).map(([name, body]) => [name, noting(name, body)])))
  for (const name of Object.keys(all)) chmodSync(join(folder, name), 0o755)
  const script = post.lines.map(({ text }) => text).join('\n').replace('/usr/local/sbin/', `${folder}/`)
  const { status } = spawnSync('sh', ['-c', script], { encoding: 'utf8', env: { PATH: `${folder}:/usr/bin:/bin` } })
  const said = readFileSync(join(folder, 'said'), 'utf8').trim().split('\n').filter(line => /^(evc|rpm)/.test(line))
  return { status, said: said.map(line => line.replace(/^evc-install-packages .*/, 'packages')) }
}

t.test('the WebOb that ends the console is taken out after the packages, where it came with them', async t => {
  t.same(installScript(t, 'eucalyptus-cloud', {}), { status: 0, said: ['packages', 'rpm -q python-webob', 'rpm -e --nodeps python-webob'] })
  t.same(installScript(t, 'eucalyptus-cloud', { rpm: '[ "$1" != -q ]' }), { status: 0, said: ['packages', 'rpm -q python-webob'] })
  t.not(installScript(t, 'eucalyptus-cloud', { rpm: '[ "$1" != -e ]' }).status, 0)
})

t.test('packages that could not be installed end the installation, not only a build that watches the console', async t => {
  for (const name of ['eucalyptus-cloud', 'eucalyptus-nc']) t.not(installScript(t, name, { 'evc-install-packages': 'exit 1' }).status, 0, name)
})

/** Runs the %post that updates the minimal system, with lists of repositories, yum and rpm of this test. */
function updateScript(t: Test, { yum = ':', kernels }: { readonly yum?: string; readonly kernels: string }) {
  const post = tree.nodes.find(node => node.kind === 'section' && node.lines.some(({ text }) => text.includes('yum -y update'))) as KickstartSection
  const folder = t.testdir({
    bin: { yum: `#!/bin/sh\necho "yum $*" >>'${t.testdirName}/said'\n${yum}\n`, rpm: `#!/bin/sh\necho "rpm $*" >>'${t.testdirName}/said'\n[ "$1" = -e ] || printf '${kernels}'\n` },
    lists: { 'base.repo': '', 'updates.repo': '', 'CentOS-Base.repo': '' },
    console: '',
  })
  for (const name of ['yum', 'rpm']) chmodSync(join(folder, 'bin', name), 0o755)
  const places = { '/etc/yum.repos.d': join(folder, 'lists'), '/root/evc-yum.log': join(folder, 'log'), '/dev/console': join(folder, 'console') }
  const script = Object.entries(places).reduce((text, [from, to]) => text.replaceAll(from, to), post.lines.map(({ text }) => text).join('\n'))
  const { status } = spawnSync('sh', ['-c', script], { encoding: 'utf8', env: { PATH: `${join(folder, 'bin')}:/usr/bin:/bin` } })
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  return { status, said: read('said').trim().split('\n'), lists: readdirSync(join(folder, 'lists')).sort(), console: read('console') }
}

t.test('the minimal system is updated before the drivers of its kernel are built: one kernel stays, and no list but ours', async t => {
  const lists = ['base.repo', 'updates.repo']
  const asked = ['yum -y update', 'rpm -q --last kernel']
  const two = 'kernel-3.10.0-1160.119.1.el7.x86_64 Fri 27 Nov 2026\\nkernel-3.10.0-1160.el7.x86_64 Thu 26 Nov 2026\\n'
  t.same(updateScript(t, { kernels: two }), { status: 0, said: [...asked, 'rpm -e kernel-3.10.0-1160.el7.x86_64'], lists, console: '' })
  t.same(updateScript(t, { kernels: 'kernel-3.10.0-1160.el7.x86_64 Thu 26 Nov 2026\\n' }), { status: 0, said: asked, lists, console: '' })
  const failed = updateScript(t, { yum: 'echo "no mirror"; exit 1', kernels: two })
  t.same([failed.status, failed.said, failed.console], [1, ['yum -y update'], 'PIPELINE install failed: yum: no mirror\n'])
  const posts = tree.nodes.flatMap(node => (node.kind === 'section' ? [node.lines.map(({ text }) => text).join('\n')] : []))
  const place = (words: string) => posts.findIndex(text => text.includes(words))
  t.ok(place('import_key centos') < place('yum -y update') && place('yum -y update') < place('dracut --force'), 'behind the keys, before the drivers')
})
