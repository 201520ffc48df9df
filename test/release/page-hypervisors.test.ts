import t from 'tap'
import { hypervisorOf, inPageOrder } from '../../pipeline/release/page-hypervisors.js'
import { loadTargets } from '../../pipeline/targets/index.js'

t.test('every target has its line on the page', async t => {
  for (const { name } of await loadTargets()) t.not(hypervisorOf(name).title, name, name)
})

t.test('what people look for most comes first, a target without a line last', t => {
  t.same(inPageOrder(['zz', 'raw', 'kvm', 'aa', 'virtualbox'].map(name => ({ name }))).map(({ name }) => name), ['virtualbox', 'kvm', 'raw', 'aa', 'zz'])
  t.match(hypervisorOf('zz'), { title: 'zz', systems: [] })
  t.end()
})
