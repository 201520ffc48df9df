/** HYPERVISORS.md is what the targets' data says, and no target is without data. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { loadTargets } from '../../pipeline/targets/index.js'
import { hypervisorsPage } from '../../pipeline/targets/target-hosts.js'

const paper = fileURLToPath(new URL('../../HYPERVISORS.md', import.meta.url))

t.test('every target says what runs it, how nesting is switched on, and since when', async t => {
  const targets = await loadTargets()
  for (const { name, hosts } of targets) t.ok(hosts.length > 0, name)
  for (const host of targets.flatMap(({ hosts }) => hosts)) {
    for (const text of [host.hypervisor, host.systems, host.since, host.setting]) t.match(text, /^[^|\n]+$/, host.hypervisor)
  }
})

t.test('each has a place of its own on the page', async t => {
  const ranks = (await loadTargets()).map(({ page }) => page.rank)
  t.equal(new Set(ranks).size, ranks.length)
})

t.test('HYPERVISORS.md is made from it', async t => {
  const text = hypervisorsPage(await loadTargets())
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(paper, text)
  t.equal(readFileSync(paper, 'utf8'), text)
  t.match(text, /licence of your version/)
  t.match(text, /Apple silicon/)
})
