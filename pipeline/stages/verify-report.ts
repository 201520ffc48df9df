/** The verification report: every check with its result and time, as data and as a page for people. */
import { readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Acceleration } from '../tools/acceleration.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { verificationFailed } from '../errors/verify.js'

export interface ReportedCheck {
  /** Of a check that compares the copies of several: their names, separated by a comma and a blank. */
  readonly target: string
  /** The boot it belongs to (`bios`, `uefi`); absent: of the files, or of all boots. */
  readonly boot?: string
  readonly name: string
  readonly status: 'passed' | 'failed' | 'skipped'
  /** What was found, what was wrong, or why it was not looked at. */
  readonly detail: string
  readonly durationMs: number
  /** Of a skipped one: another host could make it. What no host can show here is skipped without this word. */
  readonly pending?: true
}

export interface VerificationReport {
  readonly formatVersion: 1
  readonly appliance: string
  readonly version: string
  /** Nothing failed; complete it is when no check is pending, either. */
  readonly passed: boolean
  readonly acceleration: Acceleration
  /** ISO 8601. */
  readonly startedAt: string
  readonly durationMs: number
  readonly checks: readonly ReportedCheck[]
  /** For each target, what tells that its files are the ones that were looked at; see verify-release.ts. */
  readonly verified?: Readonly<Record<string, string>>
}

export const reportNames = { json: 'verification.json', text: 'verification.md' } as const

/** Both files into the release's folder. Errors: the file system's own. */
export async function writeReport(release: string, report: VerificationReport): Promise<void> {
  await writeFileAtomic(join(release, reportNames.json), `${JSON.stringify(report, null, 2)}\n`)
  await writeFileAtomic(join(release, reportNames.text), formatReport(report))
}

async function removeReport(release: string): Promise<void> {
  await Promise.all(Object.values(reportNames).map(name => rm(join(release, name), { force: true })))
}

/** Leaves what the release's report says of other targets: beside new files of these it would be a lie. */
export async function removeFromReport(release: string, targets: readonly string[]): Promise<void> {
  const report = await readReport(release)
  const left = report && selectTargets(report, name => !targets.includes(name))
  await (left ? writeReport(release, left) : removeReport(release))
}

/** What a report says of some targets, when it says that they passed; undefined when that is nothing. Pure. */
export function selectTargets(report: VerificationReport, isWanted: (target: string) => boolean): VerificationReport | undefined {
  const failed = report.checks.filter(({ status }) => status === 'failed').flatMap(targetsOf)
  // Nobody knows then what it is that did not pass.
  if (!report.passed && failed.length === 0) return undefined
  const verified = Object.entries(report.verified ?? {}).filter(([name]) => isWanted(name) && !failed.includes(name))
  const names = verified.map(([name]) => name)
  const checks = report.checks.filter(check => targetsOf(check).every(name => names.includes(name)))
  return names.length === 0 ? undefined : { ...report, passed: true, checks, verified: Object.fromEntries(verified) }
}

/** A check may be of several targets: their copies are compared with each other. */
export function targetsOf({ target }: Pick<ReportedCheck, 'target'>): readonly string[] {
  return target.split(', ')
}

/** The report that lies in the release; undefined when there is none that can be read. */
export async function readReport(release: string): Promise<VerificationReport | undefined> {
  try {
    const report = JSON.parse(await readFile(join(release, reportNames.json), 'utf8')) as VerificationReport | null
    return report?.formatVersion === 1 ? report : undefined
  } catch {
    return undefined
  }
}

/** What is left to another host: with any of these the report is not complete. Pure. */
export function pendingChecks(report: VerificationReport): readonly ReportedCheck[] {
  return report.checks.filter(({ pending }) => pending)
}

/** Errors: `verification-failed` (exit 5) with every failed check, and where the logs of its boot are. */
export function requirePassed(release: string, report: VerificationReport, logDirectory: string): void {
  if (report.passed) return
  const failed = report.checks.filter(check => check.status === 'failed')
  const boots = failed.flatMap(({ target, boot }) => (boot === undefined || boot === allBoots ? [] : [bootLabel(target, boot)]))
  const logs = [...new Set(boots)].map(label => bootLogs(logDirectory, label))
  throw verificationFailed(release, {
    failures: failed.map(check => `${placeOf(check)}: ${check.name}: ${check.detail}`),
    logs: logs.map(({ serial, qemu }) => `serial console: ${serial}; QEMU's command: ${qemu}`),
  })
}

/** The name of what compares the boots with each other, in place of a boot's. */
export const allBoots = 'all boots'

export function bootLabel(target: string, boot: string): string {
  return `verify-${target}-${boot}`
}

/** Where a boot leaves its words. */
export function bootLogs(logDirectory: string, label: string): { readonly serial: string; readonly qemu: string } {
  return { serial: join(logDirectory, `${label}.serial.log`), qemu: join(logDirectory, `${label}.qemu.log`) }
}

/** Markdown; pure. */
export function formatReport(report: VerificationReport): string {
  const { acceleration } = report
  const count = (status: ReportedCheck['status']) => report.checks.filter(check => check.status === status).length
  const pending = pendingChecks(report).length
  const lines = [
    `# Verification of ${report.appliance} ${report.version}: ${report.passed ? (pending > 0 ? 'passed, NOT COMPLETE' : 'passed') : 'FAILED'}`,
    '',
    ...(pending > 0 ? [`${pending} of the skipped checks can be made on the host that built the release: \`pipeline publish\` waits for them.`, ''] : []),
    `${count('passed')} passed, ${count('failed')} failed, ${count('skipped')} skipped, in ${seconds(report.durationMs)}.`,
    `Started ${report.startedAt} on QEMU ${acceleration.qemuVersion}, ${acceleration.kind === 'kvm' ? 'KVM' : 'emulated'} (${acceleration.reason}).`,
  ]
  for (const place of new Set(report.checks.map(placeOf))) {
    lines.push('', `## ${place}`, '', '| check | result | found | time |', '|---|---|---|---|')
    const rows = report.checks.filter(check => placeOf(check) === place)
    lines.push(...rows.map(row => `| ${row.name} | ${row.pending ? 'skipped, pending' : row.status} | ${cell(row.detail)} | ${seconds(row.durationMs)} |`))
  }
  return `${lines.join('\n')}\n`
}

function placeOf(check: ReportedCheck): string {
  return check.boot === undefined ? check.target : `${check.target}, ${check.boot}`
}

function seconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|').replaceAll('\n', '<br>')
}
