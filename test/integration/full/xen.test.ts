/** Real Xen: the exported files of target xen, by the configurations that ship with them, on a host bootstrapped for it. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { VerificationReport } from '../../../pipeline/stages/verify-report.js'
import { builtImage, sharedPlaces } from '../../fixtures/built-image.js'
import { runCli } from '../../fixtures/cli-run.js'

const places = sharedPlaces(t)
const { release } = await builtImage(places)
const { code, stderr } = await runCli(['build', ...places.options, '--target', 'xen'])
t.comment(stderr)
t.equal(code, 0, 'the build of target xen, its verification too')
const report = JSON.parse(readFileSync(join(release, 'verification.json'), 'utf8')) as VerificationReport

function checksOf(boot: string) {
  const checks = report.checks.filter(check => check.target === 'xen' && check.boot === boot)
  for (const { name, status, detail, durationMs } of checks) t.comment(`${boot}: ${name}: ${status}: ${detail} (${Math.round(durationMs / 1000)} s)`)
  return checks
}

t.test('a PV guest started through pygrub gets ready, and keeps the promises of every boot', async t => {
  const checks = checksOf('pv')
  t.same(checks.filter(check => check.status !== 'passed'), [])
  t.match(checks.find(check => check.name === 'start')?.detail, /^start\.sh --pv on Xen 4\.\d+\.\S+, Linux /)
  t.ok(checks.some(check => check.name === 'ready'))
})

t.test('an HVM guest with nested virtualisation comes at least to its own first line', async t => {
  const checks = checksOf('hvm')
  t.same(checks.filter(check => check.status !== 'passed'), [])
  t.match(checks.find(check => check.name === 'comes to booting')?.detail, /^booting after /)
})
