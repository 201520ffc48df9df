/** A crash of the kvm kit between every two steps, of start and teardown, on a hardened machine with a closed firewall. */
import t from 'tap'
import { kitBench, prepareCrashes, same, start, stop } from '../fixtures/kit-bench.js'
import { processesWith } from '../fixtures/processes.js'

t.test('a start cut short before any step is taken back by the teardown (a stand-in for QEMU)', async t => {
  const it = await kitBench(t)
  const { starts } = await prepareCrashes(it)
  t.ok((await starts(t)) > 20)
  t.same(processesWith(it.state), [])
})

t.test('a teardown cut short before any step is finished by the next (a stand-in for QEMU)', async t => {
  const it = await kitBench(t)
  const { teardowns } = await prepareCrashes(it)
  t.ok((await teardowns(t)) > 10)
  t.same(processesWith(it.state), [])
})

t.test('a start takes back what a crashed one has left (a stand-in for QEMU)', async t => {
  const it = await kitBench(t)
  const { crash } = await prepareCrashes(it)
  const before = await it.host.snapshot()
  const steps = await crash(start, 0)
  await it.script(stop)
  await crash(start, Math.floor(steps / 2))
  const again = await it.script(start)
  t.equal(again.exitCode, 0, again.stderr)
  t.match(again.stderr, /run-evc\.sh: Taking back what an earlier start has left behind\.\n/)
  await it.script(stop)
  same(t, await it.host.snapshot(), before)
})
