/** `pipeline render`: what a person finds in the folder that was asked for. */
import t from 'tap'
import { cpSync, existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { repository, runMain } from '../fixtures/main-run.js'
import { replaceFiles } from '../fixtures/replaced-files.js'

const folder = t.testdir({})
const read = (...path: readonly string[]) => readFileSync(join(folder, ...path), 'utf8')

t.test('eucalyptus: every role as one whole kickstart that check accepts, and the files of the first boot', async t => {
  const out = join(folder, 'eucalyptus')
  t.same(await runMain(['render', 'eucalyptus', '--out', out]), { code: 0, stdout: `${out}\n`, stderr: '' })
  const roles = ['ciab', 'core', 'frontend', 'minimal', 'nc']
  t.same(readdirSync(out).filter(name => name.endsWith('.ks')).sort(), roles.map(role => `${role}.ks`))
  for (const role of roles) {
    t.notMatch(read('eucalyptus', `${role}.ks`), /\{\{|^%include parts/m, `${role} is one file`)
    const { code, stderr } = await runMain(['check', join(out, `${role}.ks`), '--release', '7', '--strict'])
    t.equal(code, 0, stderr)
  }
  t.match(JSON.parse(read('eucalyptus', 'appliance.json')), { name: 'eucalyptus', family: 'el', release: '7.9' })
  t.equal(statSync(join(out, 'provision/first-boot/usr/lib/evc/first-boot')).mode & 0o777, 0o755)
})

t.test('values that are set are in what is written', async t => {
  const out = join(folder, 'mirrored')
  const { code, stderr } = await runMain(['render', 'eucalyptus', '--set', 'el.mirror=http://mirror.example/copies', '-o', out])
  t.equal(code, 0, stderr)
  t.match(read('mirrored', 'ciab.ks'), 'http://mirror.example/copies/')
})

t.test('ciab: its kickstart, the install script made of it, and the files of the first boot', async t => {
  const out = join(folder, 'ciab')
  t.equal((await runMain(['render', '--out', out])).code, 0)
  for (const name of ['appliance.json', 'ciab.ks', 'install.sh']) t.ok(readdirSync(out, { recursive: true }).some(path => String(path).endsWith(name)), name)
})

t.test('a place that cannot be written to is told, and what came so far is taken back', async t => {
  const file = join(t.testdir({ taken: '' }), 'taken')
  for (const [out, problem] of [[file, 'EEXIST: file already exists'], [join(file, 'below'), 'ENOTDIR: not a directory']] as const) {
    const { code, stdout, stderr } = await runMain(['render', 'eucalyptus', '--out', out])
    t.same([code, stdout], [3, ''])
    t.match(stderr, `error: Cannot write to ${out}: ${problem}`)
  }
  const out = join(t.testdirName, 'full')
  let room = 3
  replaceFiles(t, own => ({
    writeFile: async (...given) => {
      if (String(given[0]).startsWith(out) && room-- === 0) throw new Error('ENOSPC: no space left on device, write')
      await own.writeFile(...given)
    },
  }))
  const { code, stderr } = await runMain(['render', 'eucalyptus', '--out', out])
  t.equal(code, 3)
  t.match(stderr, `error: Cannot write to ${out}: ENOSPC: no space left on device, write`)
  t.same(readdirSync(out), [])
})

t.test('a folder with something in it is left as it is', async t => {
  const out = t.testdir({ mine: 'mine' })
  t.same(await runMain(['render', 'eucalyptus', '--out', out]), {
    code: 2, stdout: '', stderr: `error: The output folder ${out} is not empty. (name a new or empty folder with --out)\n`,
  })
  t.same(readdirSync(out), ['mine'])
})

t.test('a mistake in a part is told with its own file and line, and nothing is written', async t => {
  const root = t.testdir({})
  cpSync(join(repository, 'kickstarts'), join(root, 'kickstarts'), { recursive: true })
  const part = join(root, 'kickstarts/eucalyptus/parts/network.ks.hbs')
  writeFileSync(part, '{{#if source.iso}}\n{{/if}}\nnetwrok --bootproto=dhcp\n')
  const out = join(root, 'out')
  const { code, stderr } = await runMain(['render', 'eucalyptus', '--root', root, '--out', out])
  t.equal(code, 2)
  t.match(stderr, `${part}:3: `)
  t.match(stderr, 'Did you mean "network"?')
  t.notOk(existsSync(out))
})
