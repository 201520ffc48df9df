/** Every target of the shared image, as exported: its own validators, and each boot that QEMU can play. */
import t from 'tap'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { VerificationReport } from '../../../pipeline/stages/verify-report.js'
import { defaultExportOptions, loadTargets } from '../../../pipeline/targets/index.js'
import { loadAppliance } from '../../../pipeline/spec/load.js'
import { builtImage, sharedPlaces } from '../../fixtures/built-image.js'
import { repository, runCli } from '../../fixtures/cli-run.js'

const places = sharedPlaces(t)
await builtImage(places)
const allTargets = await loadTargets()
/** Xen has a test of its own: its host takes minutes. */
const targets = allTargets.filter(target => !target.xenBoots)
const names = targets.map(({ name }) => name)
const { code, stdout, stderr } = await runCli([
  'build', '--store', places.store, '--artifacts', join(places.work, 'targets'), ...names.flatMap(name => ['--target', name]),
])
t.comment(stderr)
const release = stdout.trim()
const { checks } = JSON.parse(readFileSync(join(release, 'verification.json'), 'utf8')) as VerificationReport
const { spec } = await loadAppliance({ root: repository, name: 'ciab', set: [], knownTargets: allTargets.map(({ name }) => name) })

t.equal(code, 0)

for (const target of targets) {
  t.test(`${target.name}: its files pass, and it gets ready on every machine that QEMU can play`, async t => {
    const own = checks.filter(check => check.target === target.name)
    t.same(own.filter(({ status }) => status === 'failed'), [])
    t.ok(own.some(({ name, status }) => name !== 'ready' && status === 'passed'))
    for (const { name } of target.boots?.({ spec, version: '', options: defaultExportOptions, usedBytes: 0 }) ?? []) {
      t.ok(own.some(check => check.boot === name && check.name === 'ready' && check.status === 'passed'), `ready: ${name}`)
    }
  })
}
