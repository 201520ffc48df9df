import t from 'tap'
import { assemblePlan } from '../../pipeline/plan/plan.js'
import type { StageFacts } from '../../pipeline/plan/plan.js'

const media: StageFacts = { name: 'media', key: 'aa', cached: true, commands: ['mmdebstrap trixie'] }
const install: StageFacts = {
  name: 'install', key: 'bb', cached: false, why: 'install.sh changed', lastSeconds: 130, commands: ['packer build install.json'],
}
const input = {
  appliance: 'ciab', version: '1.0.0+20260101.abcdef01', targets: ['kvm'], release: 'artifacts/ciab-1.0.0+20260101.abcdef01',
  stages: [media, install], exports: [], acceleration: 'tcg' as const, freeBytes: 50 * 1024 ** 3,
}

t.test('a stored stage costs neither time nor disk', async t => {
  const [first] = assemblePlan(input).stages
  t.same([first?.seconds, first?.diskBytes], [0, 0])
})

t.test('a stage that ran before is expected to take as long again', async t => {
  t.equal(assemblePlan(input).stages[1]?.seconds, 130)
})

t.test('a stage that never ran takes longer in emulation', async t => {
  const { lastSeconds: _, ...fresh } = install
  const secondsOf = (acceleration: 'kvm' | 'tcg') => assemblePlan({ ...input, stages: [fresh], acceleration }).seconds
  t.ok(secondsOf('tcg') > secondsOf('kvm'))
})

t.test('an export needs the room that its targets plan, a stored one none', async t => {
  const exports = [
    { target: 'ova', files: [], diskBytes: 1024 ** 3, reads: [] },
    { target: 'hyperv', files: [], diskBytes: 3 * 1024 ** 3, reads: [] },
  ]
  const stage: StageFacts = { name: 'export', key: 'cc', cached: false, commands: [] }
  t.equal(assemblePlan({ ...input, stages: [stage], exports }).needBytes, 4 * 1024 ** 3)
  t.equal(assemblePlan({ ...input, stages: [{ ...stage, cached: true }], exports }).needBytes, 0)
})
