/** The plan as people read it, and as a shell does. */
import t from 'tap'
import { assemblePlan } from '../../pipeline/plan/plan.js'
import type { StageFacts } from '../../pipeline/plan/plan.js'
import { formatCommands, formatDryRun, formatPlan, formatReads, formatSeconds, gib } from '../../pipeline/plan/format.js'

const media: StageFacts = { name: 'media', key: 'aa', cached: true, commands: ['mmdebstrap trixie'] }
const install: StageFacts = {
  name: 'install', key: 'bb', cached: false, why: 'install.sh changed', lastSeconds: 130, commands: ['packer build install.json'],
}
const input = {
  appliance: 'ciab', version: '1.0.0+20260101.abcdef01', targets: ['kvm'], release: 'artifacts/ciab-1.0.0+20260101.abcdef01',
  stages: [media, install], exports: [], acceleration: 'tcg' as const, freeBytes: 50 * 1024 ** 3,
}

t.test('prints what is stored, what runs, and why', async t => {
  t.equal(formatPlan(assemblePlan(input)), [
    'ciab 1.0.0+20260101.abcdef01 for kvm',
    'release: artifacts/ciab-1.0.0+20260101.abcdef01',
    '',
    'media    stored',
    'install  runs    ~2 min 10 s, 1.3 GiB  install.sh changed',
    '',
    'expected: 2 min 10 s, 1.3 GiB of disk (50.0 GiB free)',
  ].join('\n'))
})

t.test('prints what is exported, its room, and that the disk is read once for all of it', async t => {
  const exports = [
    { target: 'ova', files: [{ name: 'ciab.ova', bytes: 1024 ** 3 }, { name: 'README.txt', bytes: 2000 }], diskBytes: 1024 ** 3, reads: [] },
    { target: 'hyperv', files: [{ name: 'ciab.vhdx', bytes: 2 * 1024 ** 3 }], diskBytes: 3 * 1024 ** 3, reads: [] },
  ]
  const stages: StageFacts[] = [{ name: 'export', key: 'cc', cached: false, commands: [] }]
  const plan = assemblePlan({ ...input, stages, exports })
  t.same(formatPlan(plan).split('\n').slice(3), [
    'export  runs  ~20 s, 4.0 GiB  first run',
    '',
    'to export:',
    '  ova     1.0 GiB  ciab.ova, README.txt',
    '  hyperv  3.0 GiB  ciab.vhdx',
    '  the golden disk is read once',
    '',
    'expected: 20 s, 4.0 GiB of disk (50.0 GiB free)',
  ])
})

t.test('counts what other programs read of the disk besides', t => {
  t.equal(formatReads([]), 'read once')
  const read = (program: string, estimatedBytes: number) => ({ program, what: 'metadata', estimatedBytes })
  const exports = [{ target: 'kvm', reads: [] }, { target: 'vagrant', reads: [read('e2image', 16 * 1024 ** 2), read('dd', 1)] }]
  t.equal(formatReads(exports), 'read once; besides, for vagrant by e2image: metadata, ~16 MiB; besides, for vagrant by dd: metadata, ~1 MiB')
  t.end()
})

t.test('prints the commands of the stages that run, and says so when there are none', async t => {
  t.equal(formatCommands(assemblePlan(input)), '# install\npacker build install.json')
  t.equal(formatCommands(assemblePlan({ ...input, stages: [media] })), '# nothing to do: every stage is stored')
})

t.test('writes times as people do', async t => {
  const table = { '0': '0 s', '0.4': '0 s', '119': '119 s', '119.5': '2 min 0 s', '120': '2 min 0 s', '754': '12 min 34 s' }
  for (const [seconds, text] of Object.entries(table)) t.equal(formatSeconds(Number(seconds)), text, seconds)
})

t.test('a dry run is a script: the plan as comments, then the commands', async t => {
  t.equal(formatDryRun(assemblePlan(input)), [
    '# ciab 1.0.0+20260101.abcdef01 for kvm',
    '# release: artifacts/ciab-1.0.0+20260101.abcdef01',
    '#',
    '# media    stored',
    '# install  runs    ~2 min 10 s, 1.3 GiB  install.sh changed',
    '#',
    '# expected: 2 min 10 s, 1.3 GiB of disk (50.0 GiB free)',
    '',
    '# install',
    'packer build install.json',
  ].join('\n'))
})

t.test('names every target', async t => {
  t.match(formatPlan(assemblePlan({ ...input, targets: ['kvm', 'vmware'] })), /^ciab \S+ for kvm, vmware\n/)
})

t.test('writes sizes with one decimal', async t => {
  t.strictSame([0, 50 * 1024 ** 2, 1024 ** 3, 10.26 * 1024 ** 3].map(gib), ['0.0 GiB', '0.0 GiB', '1.0 GiB', '10.3 GiB'])
})
