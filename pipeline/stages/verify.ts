/** verify: looks at every exported file, boots it on its target's hardware until it is ready, and compares the copies. */
import { join } from 'node:path'
import type { Spec } from '../spec/types.js'
import { defaultExportOptions } from '../targets/index.js'
import type { DiskFile, ExportOptions, Target, TargetDeps } from '../targets/types.js'
import { bootAndCheck } from './verify-boot.js'
import type { BootResult } from './verify-boot.js'
import { compareCopies } from './verify-copies.js'
import type { Identity } from './verify-copies.js'
import { createRecorder } from './verify-record.js'
import { allBoots } from './verify-report.js'
import { requireRoomIfFailed } from './verify-room.js'
import type { ReportedCheck, VerificationReport } from './verify-report.js'
import { staticCheck } from './verify-static.js'
import { bootOnXen } from './verify-xen.js'
import type { XenHost } from './verify-xen-host.js'
import type { VmContext } from './types.js'

export interface VerifyRequest {
  readonly spec: Spec
  readonly version: string
  /** Date of its newest input, seconds since 1970. */
  readonly sourceDateEpoch: number
  /** artifacts/<appliance>-<version>/ */
  readonly release: string
  readonly targets: readonly Target[]
  /** Of each target's export; absent: the default. */
  readonly options?: Readonly<Record<string, ExportOptions>>
  /** Absent when the golden disk is not on this host. */
  readonly goldenDisk?: DiskFile
  /** What targets of Xen are started on; bootstrapped at the first call, for it takes a minute. */
  readonly xenHost: (context: VmContext) => Promise<XenHost>
}

/**
 * Checks all targets to the end, whatever fails; `requirePassed` turns the report into an error.
 * What boots write goes below `directory`. Errors: `interrupted` (exit 130), missing tools (3), `disk-full` (4).
 */
export async function verify(
  request: VerifyRequest,
  deps: TargetDeps,
  context: VmContext,
  directory: string
): Promise<VerificationReport> {
  const started = new Date()
  const checks: ReportedCheck[] = []
  const copies: Identity[] = []
  const checkStatically = staticCheck(request.goldenDisk, context, join(directory, 'golden'))
  for (const target of request.targets) {
    const files = await checkFiles(target, request, deps, context)
    await requireRoomIfFailed({ what: `the verification of ${target.name}`, directory }, files)
    checks.push(...files, ...(await checkStatically(target)))
    const sound = files.every(check => check.status !== 'failed')
    const boots = await checkBoots(target, { request, context, directory, sound, thorough: copies.length === 0 })
    checks.push(...boots.checks)
    copies.push(...boots.copies)
  }
  checks.push(...(await checkCopies(request.targets, copies, context)))
  return {
    formatVersion: 1,
    appliance: request.spec.name,
    version: request.version,
    passed: checks.every(check => check.status !== 'failed'),
    acceleration: context.acceleration,
    startedAt: started.toISOString(),
    durationMs: Date.now() - started.getTime(),
    checks,
  }
}

/** The target's own checks come as a list when all pass, and as one error when not. */
async function checkFiles(target: Target, request: VerifyRequest, deps: TargetDeps, context: VmContext) {
  const recorder = createRecorder({ target: target.name, signal: context.signal, progress: context.progress, secrets: [] })
  const started = Date.now()
  const { spec, version, sourceDateEpoch, release, goldenDisk } = request
  const made = await recorder.check('files', async () => {
    const options = optionsOf(target, request)
    const input = { spec, version, sourceDateEpoch, options, directory: join(release, target.name), signal: context.signal }
    const value = await target.verify({ ...input, ...(goldenDisk ? { goldenDisk } : {}) }, deps)
    return { found: `${value.filter(check => 'found' in check).length} checks`, value }
  })
  for (const check of made ?? []) {
    if ('found' in check) recorder.add({ name: check.name, status: 'passed', detail: check.found, durationMs: 0 })
    else recorder.leave(check.name, check.skipped)
  }
  if (made) context.progress(`${target.name}: files checked in ${Math.round((Date.now() - started) / 1000)} s`)
  return recorder.checks
}

function optionsOf({ name }: Target, { options }: VerifyRequest): ExportOptions {
  return options?.[name] ?? defaultExportOptions
}

interface BootsInput {
  readonly request: VerifyRequest
  readonly context: VmContext
  readonly directory: string
  /** False: the files are damaged, and no boot of them says anything. */
  readonly sound: boolean
  readonly thorough: boolean
}

/** One after the other: two emulated VMs side by side would each run into their time limits. */
async function checkBoots(target: Target, input: BootsInput): Promise<{ checks: readonly ReportedCheck[]; copies: readonly Identity[] }> {
  const { request, context } = input
  const { spec, version, release } = request
  const planInput = { spec, version, options: optionsOf(target, request), usedBytes: 0 }
  const plans = target.boots?.(planInput) ?? []
  // The guests of the Xen host get their addresses by DHCP, and an appliance of the el family takes none.
  const xenPlans = spec.family === 'el' ? [] : (target.xenBoots?.(planInput) ?? [])
  const skip = (reason: string, name = 'boot') => ({ target: target.name, name, status: 'skipped', detail: reason, durationMs: 0 }) as const
  const checks: ReportedCheck[] = (target.unshown?.(planInput) ?? []).map(({ name, reason }) => skip(`not shown: ${reason}`, `boot: ${name}`))
  if (spec.family === 'el' && target.xenBoots) checks.push(skip('not shown: the Xen host here gives addresses by DHCP only', 'boot: xen'))
  if (plans.length + xenPlans.length === 0) return { checks: [...checks, skip('QEMU cannot play this target\'s hardware')], copies: [] }
  if (!input.sound) return { checks: [...checks, skip('its files did not pass')], copies: [] }
  const placeOf = (name: string) => ({
    spec, target: target.name, release: join(release, target.name), directory: join(input.directory, `${target.name}-${name}`),
  })
  const contextOf = (name: string) => ({ ...context, progress: (line: string) => context.progress(`${target.name}, ${name}: ${line}`) })
  const results: BootResult[] = []
  for (const plan of plans) {
    const thorough = input.thorough && plan === plans[0]
    results.push(await bootAndCheck({ ...placeOf(plan.name), plan, thorough }, contextOf(plan.name)))
  }
  for (const plan of xenPlans) {
    const host = () => request.xenHost(contextOf(plan.name))
    results.push(await bootOnXen({ ...placeOf(plan.name), plan, host }, contextOf(plan.name)))
  }
  return {
    checks: [...checks, ...results.flatMap(result => result.checks)],
    copies: results.flatMap(({ identity }) => (identity ? [identity] : [])),
  }
}

async function checkCopies(targets: readonly Target[], copies: readonly Identity[], context: VmContext) {
  const target = targets.map(({ name }) => name).join(', ')
  const recorder = createRecorder({ target, boot: allBoots, signal: context.signal, progress: context.progress, secrets: [] })
  const name = 'copies share nothing'
  if (copies.length < 2) recorder.skip([name], `${copies.length} boots came so far, two are needed`)
  else {
    await recorder.check(name, async () => {
      const names = compareCopies(copies)
      return { found: `${copies.length} boots of the same disk differ in: ${names.join(', ')}`, value: true }
    })
  }
  return recorder.checks
}
