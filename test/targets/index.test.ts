/** The folder is the registry: what is found in it, what is refused, how targets are chosen. */
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { loadTargets, selectTargets, targetNames } from '../../pipeline/targets/index.js'

const whole = (name: string) =>
  `export default { name: '${name}', summary: 's', hosts: [], page: {}, from: 'disk', tools: [], guest: {}, plan() {}, export() {}, verify() {} }`

function folder(
  files: Record<string, string>,
  t: { testdir: (files: Record<string, string>) => string }
): URL {
  return pathToFileURL(`${t.testdir({ 'package.json': '{"type":"module"}', ...files })}/`)
}

t.test("finds the project's own targets", async t => {
  const targets = await loadTargets()
  t.ok(targets.some(({ name }) => name === 'kvm'))
  t.same(
    targets.map(({ name }) => name),
    await targetNames()
  )
  t.same(
    targets.map(({ name }) => name),
    targets.map(({ name }) => name).sort()
  )
})

t.test('takes every file but index and types for a target, sorted', async t => {
  const files = {
    'b.js': whole('b'),
    'a-2.js': whole('a-2'),
    'index.js': '',
    'types.js': '',
    'b.js.map': '',
    'b.d.ts': '',
    'notes.md': '',
  }
  const found = folder(files, t)
  t.same(await targetNames(found), ['a-2', 'b'])
  t.same(
    (await loadTargets(found)).map(({ name }) => name),
    ['a-2', 'b']
  )
})

t.test('a file that does not keep the contract is named', async t => {
  const cases: Record<string, string> = {
    'pipeline/targets/a.ts has no default export.': 'export const a = 1',
    'pipeline/targets/a.ts names its target "b".': whole('b'),
    'pipeline/targets/a.ts lacks guest, verify.':
      "export default { name: 'a', summary: 's', hosts: [], page: {}, from: 'disk', tools: [], plan() {}, export() {} }",
  }
  for (const [index, [message, source]] of Object.entries(cases).entries()) {
    await t.test(`case ${index}`, async t => {
      const hint = "A target file has one default export, whose name is the file's name; see CONTRIBUTING.md."
      await t.rejects(loadTargets(folder({ 'a.js': source }, t)), { message, hint, exitCode: 70 })
    })
  }
})

t.test("chooses targets by name, each once, in the registry's order", async t => {
  const all = await loadTargets(
    folder({ 'a.js': whole('a'), 'b.js': whole('b'), 'vmware.js': whole('vmware') }, t)
  )
  const chosen = (names: readonly string[]) => selectTargets(all, names).map(({ name }) => name)
  t.same(chosen(['vmware', 'a', 'vmware']), ['a', 'vmware'])
  t.same(chosen(['all']), ['a', 'b', 'vmware'])
  t.throws(() => chosen(['vmwere']), {
    message: 'There is no target "vmwere".',
    hint: 'Did you mean "vmware"?',
    exitCode: 2,
  })
  t.throws(() => chosen(['all', 'parallels']), {
    message: 'There is no target "parallels".',
    hint: 'Targets: a, b, vmware, all.',
  })
  t.throws(() => chosen([]), {
    message: 'No target was named.',
    hint: 'Name one or more with --target: a, b, vmware, all.',
    exitCode: 2,
  })
})
