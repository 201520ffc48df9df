/** Expectations of stages that never ran. */
import t from 'tap'
import { estimate } from '../../pipeline/plan/estimates.js'
import { stageNames } from '../../pipeline/plan/plan.js'

t.test('every stage has some, and no machine is faster in emulation', async t => {
  for (const stage of stageNames) {
    const [kvm, tcg] = [estimate(stage, 'kvm', 1), estimate(stage, 'tcg', 1)]
    t.ok(kvm.seconds > 0 && kvm.seconds <= tcg.seconds, stage)
    t.equal(kvm.diskBytes, tcg.diskBytes, `${stage}: the disk does not know who wrote it`)
    t.equal(kvm.diskBytes % (1024 * 1024), 0, stage)
  }
})

t.test('only export and verify cost more with more targets', async t => {
  const grows = stageNames.filter(stage => estimate(stage, 'tcg', 3).seconds === 3 * estimate(stage, 'tcg', 1).seconds)
  t.strictSame(grows, ['export', 'verify'])
  t.equal(estimate('verify', 'tcg', 3).diskBytes, 3 * estimate('verify', 'tcg', 1).diskBytes)
  for (const stage of stageNames.filter(name => !grows.includes(name))) t.strictSame(estimate(stage, 'tcg', 3), estimate(stage, 'tcg', 1), stage)
  t.strictSame(estimate('verify', 'kvm', 0), { seconds: 0, diskBytes: 0 })
})
