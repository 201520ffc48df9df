/** An appliance rendered whole: its kickstart and what that includes are one template, and errors name its lines. */
import t from 'tap'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatError } from '../../pipeline/errors/pipeline-error.js'
import { renderAppliance } from '../../pipeline/render/appliance.js'
import { loadAppliance } from '../../pipeline/spec/load.js'
import { targetNames } from '../../pipeline/targets/index.js'
import { failureOf } from '../fixtures/failure.js'
import { matchGolden } from '../fixtures/golden.js'

const project = fileURLToPath(new URL('../../', import.meta.url))
const spec = "title: It's a box\nversion: 1.2.3\nfamily: debian\nrelease: trixie\nparams:\n  debug: false\n  banner: hello\n"
const start = 'lang C.UTF-8\n{{#if spec.params.debug}}\nfirstboot --enable\n{{/if}}\nrootpw --lock\nzerombr\nclearpart --all\nautopart --type=plain\npoweroff\n'

async function render(root: string, name = 'box') {
  return await renderAppliance(await loadAppliance({ root, name, knownTargets: ['kvm'] }))
}

t.test('an error below a conditional line names the line of the template', async t => {
  const root = t.testdir({ kickstarts: { box: { 'appliance.yaml': spec, 'box.ks.hbs': `${start}autostep\n` } } })
  const file = join(root, 'kickstarts/box/box.ks.hbs')
  const error = await failureOf(render(root))
  t.match(formatError(error), `error: ${file}:10: the debian family cannot honour "autostep".`)
})

t.test('the install script names the lines of the template, too', async t => {
  const root = t.testdir({ kickstarts: { box: { 'appliance.yaml': spec, 'box.ks.hbs': `${start}%post\ntrue\n%end\n` } } })
  t.match((await render(root)).compiled.files['install.sh'], /^step box\.ks\.hbs:10 'run %post'$/m)
})

t.test('included files are filled in, as commands and inside of sections', async t => {
  const root = t.testdir({
    kickstarts: {
      box: {
        'appliance.yaml': spec,
        'box.ks.hbs': `${start}%include parts/name.ks\n%post\n%include 'parts/say it.sh'\n%end\n`,
        parts: { 'name.ks': 'network --hostname={{spec.hostname}}\n', 'say it.sh': 'echo {{sh spec.params.banner}}\n' },
      },
    },
  })
  const { compiled } = await render(root)
  t.equal(compiled.files['system/etc/hostname'], 'box\n')
  t.equal(compiled.files['post/01.sh'], "echo 'hello'\n")
})

t.test('a fault in an included file names that file and its line', async t => {
  const box = { 'appliance.yaml': spec, 'box.ks.hbs': `${start}%include a.ks\n`, 'a.ks': '\ntext {{spec.nam}}\n' }
  const root = t.testdir({ kickstarts: { box } })
  t.equal(
    formatError(await failureOf(render(root))),
    `error: ${join(root, 'kickstarts/box/a.ks')}:2: unknown value "spec.nam" (Did you mean "name"?)`
  )
})

t.test("ciab's values reach its first boot as single words of a shell", async t => {
  const loaded = await loadAppliance({ root: project, name: 'ciab', knownTargets: ['kvm'] })
  const odd = { ...loaded, spec: { ...loaded.spec, version: "1.0.0-it's" } }
  const file = (await renderAppliance(odd)).provisionFiles.find(each => each.path.endsWith('appliance.env'))
  t.match(file?.content.toString(), `APPLIANCE_VERSION='1.0.0-it'\\''s'\n`)
})

t.test('renders the kickstart and the install script of ciab', async t => {
  const rendered = await renderAppliance(await loadAppliance({ root: project, name: 'ciab', knownTargets: await targetNames() }))
  matchGolden(t, 'ciab/ciab.ks', rendered.kickstart)
  const script = rendered.installFiles.find(file => file.path === 'install.sh')?.content.toString('utf8') ?? ''
  // Its place on this machine stands in the messages.
  matchGolden(t, 'ciab/install.sh', script.replaceAll(project, '/project/'))
  matchGolden(t, 'ciab/provision.txt', rendered.provisionFiles.map(file => `${file.mode.toString(8)} ${file.path}\n`).join(''))
})
