/** A crash of the kvm kit between every two steps, of start and teardown, on a hardened machine with a closed firewall. */
import t from 'tap'
import { kitBench, prepareCrashes } from '../../fixtures/kit-bench.js'
import { processesWith } from '../../fixtures/processes.js'

t.test('a start cut short before any step is taken back by the teardown (a stand-in for QEMU)', async t => {
  const it = await kitBench(t)
  const { starts } = await prepareCrashes(it)
  t.ok((await starts(t, 1)) > 20)
  t.same(processesWith(it.state), [])
})

t.test('a teardown cut short before any step is finished by the next (a stand-in for QEMU)', async t => {
  const it = await kitBench(t)
  const { teardowns } = await prepareCrashes(it)
  t.ok((await teardowns(t, 1)) > 10)
  t.same(processesWith(it.state), [])
})
