/** verify-report: the page for people, the files, the error. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { formatReport, pendingChecks, requirePassed, selectTargets, writeReport } from '../../pipeline/stages/verify-report.js'
import type { VerificationReport } from '../../pipeline/stages/verify-report.js'
import { PipelineError } from '../../pipeline/errors/pipeline-error.js'

const report: VerificationReport = {
  formatVersion: 1,
  appliance: 'ciab',
  version: '1.0.0+1',
  passed: false,
  acceleration: { kind: 'tcg', reason: 'no KVM', qemuVersion: '10.0.2', timeoutFactor: 6 },
  startedAt: '2026-01-02T03:04:05.000Z',
  durationMs: 61_240,
  checks: [
    { target: 'kvm', name: 'files', status: 'passed', detail: '6 checks', durationMs: 100 },
    { target: 'kvm', boot: 'bios', name: 'ready', status: 'failed', detail: 'first\nsecond | third', durationMs: 60_000 },
    { target: 'kvm', boot: 'bios', name: 'SSH by key', status: 'skipped', detail: '"ready" did not pass', durationMs: 0 },
  ],
}

t.test('writes a table for each boot, with what was found and how long it took', async t => {
  t.equal(formatReport(report), `# Verification of ciab 1.0.0+1: FAILED

1 passed, 1 failed, 1 skipped, in 61.2 s.
Started 2026-01-02T03:04:05.000Z on QEMU 10.0.2, emulated (no KVM).

## kvm

| check | result | found | time |
|---|---|---|---|
| files | passed | 6 checks | 0.1 s |

## kvm, bios

| check | result | found | time |
|---|---|---|---|
| ready | failed | first<br>second \\| third | 60.0 s |
| SSH by key | skipped | "ready" did not pass | 0.0 s |
`)
})

t.test('a report that leaves checks to another host says so at its top', t => {
  const checks = [
    { target: 'kvm', name: 'content', status: 'skipped', detail: 'not compared', durationMs: 0, pending: true },
    { target: 'kvm', name: 'boot: SCSI', status: 'skipped', detail: 'not shown', durationMs: 0 },
  ] as const
  const left: VerificationReport = { ...report, passed: true, checks }
  t.same(pendingChecks(left), [checks[0]])
  const lines = formatReport(left).split('\n')
  t.same(lines.slice(0, 5), [
    '# Verification of ciab 1.0.0+1: passed, NOT COMPLETE', '',
    '1 of the skipped checks can be made on the host that built the release: `pipeline publish` waits for them.', '',
    '0 passed, 0 failed, 2 skipped, in 61.2 s.',
  ])
  t.ok(lines.includes('| content | skipped, pending | not compared | 0.0 s |'))
  t.ok(lines.includes('| boot: SCSI | skipped | not shown | 0.0 s |'))
  t.end()
})

t.test('keeps both forms in the release', async t => {
  const release = t.testdir()
  await writeReport(release, report)
  t.strictSame(JSON.parse(readFileSync(join(release, 'verification.json'), 'utf8')), report)
  t.equal(readFileSync(join(release, 'verification.md'), 'utf8'), formatReport(report))
})

t.test('ends with every failed check', async t => {
  t.doesNotThrow(() => requirePassed('/r', { ...report, passed: true }, '/logs'))
  try {
    requirePassed('/r', report, '/logs')
    t.fail('passed')
  } catch (error) {
    t.ok(error instanceof PipelineError)
    t.match(error, {
      code: 'verification-failed',
      message: 'verify failed: 1 check of /r did not pass.',
      hint: 'Read /r/verification.md; it must not be published.',
      exitCode: 5,
      details: [
        'kvm, bios: ready: first\nsecond | third',
        "serial console: /logs/verify-kvm-bios.serial.log; QEMU's command: /logs/verify-kvm-bios.qemu.log",
      ],
    })
  }
})

t.test('copies of two targets that are alike speak against both, and copies that differ for both together', async t => {
  const check = (target: string, status: 'passed' | 'failed' = 'passed') => ({ target, name: 'x', status, detail: '', durationMs: 1 })
  const joint = (status: 'passed' | 'failed'): VerificationReport =>
    ({ ...report, passed: status === 'passed', checks: [check('kvm'), check('ova'), check('raw'), check('kvm, ova', status)], verified: { kvm: '1', ova: '2', raw: '3' } })
  t.same(selectTargets(joint('failed'), () => true)?.verified, { raw: '3' })
  t.equal(selectTargets(joint('failed'), name => name !== 'raw'), undefined)
  t.same(selectTargets(joint('passed'), () => true)?.checks.length, 4)
  t.same(selectTargets(joint('passed'), name => name !== 'ova')?.checks.map(({ target }) => target), ['kvm', 'raw'])
})
