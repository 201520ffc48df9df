/** Real Xen: the shared image as a PV guest and as an HVM guest, on a host that is bootstrapped for it. */
import t from 'tap'
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openHost } from '../../../pipeline/run/host.js'
import { openStore } from '../../../pipeline/run/store.js'
import { xenHostOf } from '../../../pipeline/run/xen-host.js'
import { loadAppliance } from '../../../pipeline/spec/load.js'
import { bootOnXen } from '../../../pipeline/stages/verify-xen.js'
import type { XenBootPlan } from '../../../pipeline/targets/types.js'
import { probeAcceleration } from '../../../pipeline/tools/probe.js'
import { builtImage, sharedPlaces } from '../../fixtures/built-image.js'
import { repository } from '../../fixtures/cli-run.js'

const places = sharedPlaces(t)
const { disk } = await builtImage(places)
const { spec } = await loadAppliance({ root: repository, name: 'ciab', set: [], knownTargets: ['kvm'] })
const work = join(places.work, 'xen')
const [release, logDirectory] = [join(work, 'release'), join(work, 'logs')]
for (const folder of [release, logDirectory]) mkdirSync(folder, { recursive: true })
symlinkSync(disk, join(release, 'ciab.raw'))

const host = openHost({ env: process.env }, places.store)
t.teardown(host.close)
const context = {
  run: host.run,
  runPiped: host.runPiped,
  signal: host.signal,
  progress: (line: string) => t.comment(line),
  logDirectory,
  acceleration: await probeAcceleration({ run: host.run, requested: 'auto' }),
  qemuBinary: host.qemuBinary,
  guardEnvironment: host.guardEnvironment,
}
const store = openStore(join(places.store, 'store'), line => t.comment(line))
const xenHost = xenHostOf({ store, templates: join(repository, 'templates'), state: places.store, offline: false })

const common = `
memory = ${spec.hardware.memoryMib}
vcpus = ${spec.hardware.cpus}
disk = ['format=raw, vdev=xvda, access=rw, target=ciab.raw']
vif = ['bridge=xenbr0']
on_poweroff = "destroy"
on_reboot = "restart"
on_crash = "destroy"
`

function boot(plan: Pick<XenBootPlan, 'name' | 'reaches'>, config: string) {
  const file = `${plan.name}.cfg`
  writeFileSync(join(release, file), `name = "ciab-${plan.name}"\n${config}${common}`)
  const full = { ...plan, config: file, disk: 'ciab.raw', diskFormat: 'raw' } as const
  return bootOnXen({ spec, target: 'xen', plan: full, host: () => xenHost(context), release, directory: join(work, plan.name) }, context)
}

t.test('a PV guest started through pygrub gets ready, and keeps the promises of every boot', async t => {
  const { checks, identity } = await boot({ name: 'pv', reaches: 'ready' }, 'type = "pv"\nbootloader = "pygrub"\n')
  for (const { name, detail, durationMs } of checks) t.comment(`${name}: ${detail} (${Math.round(durationMs / 1000)} s)`)
  t.same(checks.filter(check => check.status !== 'passed'), [])
  t.match(checks.find(check => check.name === 'start')?.detail, /^pv\.cfg on Xen 4\.\d+\.\S+, Linux /)
  t.ok(identity, 'it was logged in to')
})

t.test('an HVM guest with nested virtualisation comes at least to its own first line', async t => {
  const hvm = 'type = "hvm"\nnestedhvm = 1\nhap = 1\nserial = "pty"\nvnc = 0\n'
  const { checks } = await boot({ name: 'hvm', reaches: 'booting' }, hvm)
  for (const { name, detail, durationMs } of checks) t.comment(`${name}: ${detail} (${Math.round(durationMs / 1000)} s)`)
  t.same(checks.filter(check => check.status !== 'passed'), [])
})
