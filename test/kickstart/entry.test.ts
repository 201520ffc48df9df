/** Words of a kickstart that every JavaScript object has for a property: as unknown as any other. */
import t from 'tap'
import { reviewKickstart } from '../../pipeline/kickstart/check.js'
import { entryOf } from '../../pipeline/kickstart/entry.js'
import { parseKickstart } from '../../pipeline/kickstart/parse.js'
import { elReleases, wordTable } from '../../pipeline/kickstart/releases.js'
import { compileFailure, leastKickstart } from '../fixtures/kickstart.js'

const everyObjects = ['constructor', 'toString', 'hasOwnProperty', '__proto__']

t.test('a table has its own entries alone', async t => {
  const table: Readonly<Record<string, number>> = { lang: 1 }
  t.equal(entryOf(table, 'lang'), 1)
  for (const word of everyObjects) t.equal(entryOf(table, word), undefined, word)
})

for (const word of everyObjects) {
  t.test(`${word} is refused as a command by the reader, and known to no release behind it`, async t => {
    const source = { file: 'x.ks', readInclude: () => '' }
    t.throws(() => parseKickstart(`${word}\n`, source), { message: `x.ks:1: there is no command "${word}".` })
    const { nodes, ...rest } = parseKickstart('lang en_US\nlang en_US\n', source)
    const tree = { ...rest, nodes: nodes.map(node => ({ ...node, name: word })) }
    for (const release of elReleases) {
      const { problems, warnings } = reviewKickstart(tree, release)
      t.same(problems.map(({ code }) => code), ['kickstart-command-not-in-release', 'kickstart-command-not-in-release'], release)
      t.same(warnings.filter(line => line.includes(word)), [])
      t.same(wordTable(release, word), {})
    }
  })

  t.test(`${word} is no service of a firewall`, async t => {
    const [, refused = ''] = compileFailure(`firewall --service=${word}\n${leastKickstart}%packages\nnftables\n%end\n`).split('box.ks:1: ')
    t.ok(refused.includes(word), refused)
  })
}
