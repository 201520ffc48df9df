/** HYPERVISORS.md is what the targets' data says, and no target is without data. */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { targetNames } from '../../pipeline/targets/index.js'
import { hypervisorsPage, targetHosts } from '../../pipeline/targets/target-hosts.js'

const paper = fileURLToPath(new URL('../../HYPERVISORS.md', import.meta.url))

t.test('every target says what runs it, how nesting is switched on, and since when', async t => {
  for (const name of await targetNames()) t.ok((targetHosts[name] ?? []).length > 0, name)
  for (const host of Object.values(targetHosts).flat()) {
    for (const text of [host.hypervisor, host.systems, host.since, host.setting]) t.match(text, /^[^|\n]+$/, host.hypervisor)
  }
})

t.test('HYPERVISORS.md is made from it', async t => {
  const text = hypervisorsPage(Object.keys(targetHosts))
  if (process.env['UPDATE_GOLDEN'] === '1') writeFileSync(paper, text)
  t.equal(readFileSync(paper, 'utf8'), text)
  t.match(text, /licence of your version/)
  t.match(text, /Apple silicon/)
})
