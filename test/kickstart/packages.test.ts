/** %packages. */
import t from 'tap'
import { packageEntries } from '../../pipeline/kickstart/packages.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import { compile, compileFailure, leastKickstart, stepLines } from '../fixtures/kickstart.js'

t.test('reads packages, exclusions, groups and environments', async t => {
  const tree = parseKickstart(
    '%packages\nnginx # web\n\n# none\n  -nano\n@core --nodefaults\n-@x\n@^minimal-environment\n%end\n',
    { file: 'x.ks', readInclude: () => '' }
  )
  const [section] = tree.nodes
  t.same(
    section?.kind === 'section' &&
      packageEntries(section).map(({ kind, name, excluded, place }) => [
        kind,
        name,
        excluded,
        place.line,
      ]),
    [
      ['package', 'nginx', false, 2],
      ['package', 'nano', true, 5],
      ['group', 'core --nodefaults', false, 6],
      ['group', 'x', true, 7],
      ['environment', 'minimal-environment', false, 8],
    ]
  )
})

t.test('joins all sections, and names each package once', async t => {
  const { packages } = compile(
    `${leastKickstart}%packages\nnginx\nudev\n%end\n%packages --exclude-weakdeps\nnginx\nlibc6:amd64\n-nano\n%end\n`
  )
  t.same(packages.include.slice(0, 3), ['nginx', 'udev', 'libc6:amd64'])
  t.equal(new Set(packages.include).size, packages.include.length)
  t.same(packages.exclude, ['nano'])
})

t.test('looks for excluded packages in the copy', async t => {
  t.same(stepLines(compile(`${leastKickstart}%packages\n-nano\n%end\n`), 'leave out nano'), [
    'refuse_package nano',
  ])
})

t.test('--excludedocs removes them and keeps later packages from bringing more', async t => {
  const install = compile(`${leastKickstart}%packages --excludedocs\n%end\n`)
  t.same(stepLines(install, 'leave out documentation'), [
    'put_file 0644 etc/dpkg/dpkg.cfg.d/excludedocs',
    'remove_docs',
  ])
  t.match(
    install.files['system/etc/dpkg/dpkg.cfg.d/excludedocs'],
    /^path-exclude=\/usr\/share\/doc\/\*\npath-include=\/usr\/share\/doc\/\*\/copyright$/m
  )
})

const wrong: Readonly<Record<string, readonly [section: string, error: string]>> = {
  'a group': [
    '%packages\n@core\n%end',
    ':3: the debian family cannot honour "@core". (Debian has no package groups: name the packages themselves.)',
  ],
  'an environment': [
    '%packages\n@^server\n%end',
    ':3: the debian family cannot honour "@^server". (Debian has no package groups: name the packages themselves.)',
  ],
  'a wildcard': [
    '%packages\nlibvirt*\n%end',
    ':3: "libvirt*" is no Debian package name. (Write one package on each line, without wildcards.)',
  ],
  'a package both ways': [
    '%packages\nnano\n-nano\n%end',
    ':4: -nano contradicts box/box.ks:3, which installs it. (Keep one of the two.)',
  ],
  'an option of Anaconda alone': [
    '%packages --ignoremissing\n%end',
    ':2: the debian family cannot honour "%packages --ignoremissing". (Options of %packages it honours: --excludedocs, --exclude-weakdeps.)',
  ],
  'an option of nobody': [
    '%packages --excludedoc\n%end',
    ':2: %packages has no option "--excludedoc". (Did you mean "--excludedocs"?)',
  ],
}

for (const [what, [section, error]] of Object.entries(wrong)) {
  t.test(`refuses ${what}`, async t =>
    t.equal(compileFailure(`${leastKickstart}${section}\n`), `error: box/box.ks${error}`)
  )
}
