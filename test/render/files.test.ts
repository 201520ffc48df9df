/** An appliance's folders as rendered files, and the whole of ciab rendered. */
import t from 'tap'
import { chmodSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { renderAppliance } from '../../pipeline/render/appliance.js'
import { readFolder, renderFolder } from '../../pipeline/render/files.js'
import { loadAppliance } from '../../pipeline/spec/load.js'
import { failureOf } from '../fixtures/failure.js'

const shown = (files: Awaited<ReturnType<typeof renderFolder>>) =>
  files.map(({ path, mode, content }) => `${path} ${mode.toString(8)} ${content.toString()}`)

t.test('fills in templates, takes all else as it is, keeps only the executable bit, in name order', async t => {
  const directory = t.testdir({ 'b.sh': 'run {{ no }}', a: { 'x.conf.hbs': 'name={{ spec.name }}' }, 'c.txt': t.fixture('symlink', 'b.sh') })
  chmodSync(join(directory, 'b.sh'), 0o700)
  chmodSync(join(directory, 'a/x.conf.hbs'), 0o600)
  t.same(shown(await renderFolder(directory, { spec: { name: 'test' } })), ['a/x.conf 644 name=test', 'b.sh 755 run {{ no }}'])
  t.same(shown(await readFolder(directory)), ['a/x.conf.hbs 644 name={{ spec.name }}', 'b.sh 755 run {{ no }}'])
})

t.test('an absent folder has no files; a file in its place is an error', async t => {
  const directory = t.testdir({ file: '' })
  t.same(await renderFolder(join(directory, 'none'), {}), [])
  await t.rejects(renderFolder(join(directory, 'file'), {}), { code: 'ENOTDIR' })
})

t.test('an error in a template names its file', async t => {
  const directory = t.testdir({ 'x.hbs': 'a\n{{ spec.nosuch }}\n' })
  const error = await failureOf(renderFolder(directory, { spec: { name: 'test' } }))
  t.equal(error.exitCode, 2)
  t.match(error.message, join(directory, 'x.hbs'))
})

t.test('renders ciab: the installer, its files, and what provision uploads', async t => {
  const root = fileURLToPath(new URL('../../', import.meta.url))
  const loaded = await loadAppliance({ root, name: 'ciab', set: [], knownTargets: ['kvm'] })
  const { installFiles, provisionFiles, kickstart, compiled } = await renderAppliance(loaded)
  const [installer] = installFiles.filter(file => file.path === 'install.sh')
  t.equal(installer?.mode, 0o755)
  t.equal(installer?.content.toString(), compiled.files['install.sh'])
  t.notMatch(kickstart, '{{')
  for (const { path } of installFiles.filter(file => !(file.path in compiled.files))) t.match(path, /^files\//)
  t.ok(provisionFiles.length > 0)
  for (const { path } of provisionFiles) t.match(path, /^(first-boot|provision)\//)
  for (const { path } of [...installFiles, ...provisionFiles]) t.notMatch(path, /\.hbs$/)
})
