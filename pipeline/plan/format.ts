/** The plan as a person reads it. */
import type { Plan, PlannedExport, PlannedStage } from './plan.js'

const bytesPerGib = 1024 ** 3
const bytesPerMib = 1024 ** 2

/** Lines of text without a trailing newline. */
export function formatPlan(plan: Plan): string {
  const rows = plan.stages.map(stage => [stage.name, state(stage), cost(stage), stage.why])
  const widths = [0, 1, 2].map(column => Math.max(...rows.map(row => (row[column] ?? '').length)))
  return [
    `${plan.appliance} ${plan.version} for ${plan.targets.join(', ')}`,
    `release: ${plan.release}`,
    '',
    ...rows.map(row => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd()),
    '',
    ...formatExports(plan.exports),
    `expected: ${formatSeconds(plan.seconds)}, ${gib(plan.needBytes)} of disk (${gib(plan.freeBytes)} free)`,
  ].join('\n')
}

/** A line for each target that will be written. */
function formatExports(exports: readonly PlannedExport[]): string[] {
  if (exports.length === 0) return []
  const width = Math.max(...exports.map(({ target }) => target.length))
  const lines = exports.map(({ target, files, diskBytes }) => `${target.padEnd(width)}  ${gib(diskBytes)}  ${files.map(({ name }) => name).join(', ')}`)
  return ['to export:', ...lines.map(line => `  ${line}`), `  the golden disk is ${formatReads(exports)}`, '']
}

/** `read once`, and what is read besides: as in `The golden disk is ...`. */
export function formatReads(exports: readonly Pick<PlannedExport, 'target' | 'reads'>[]): string {
  const more = exports.flatMap(({ target, reads }) =>
    reads.map(({ program, what, estimatedBytes }) => `for ${target} by ${program}: ${what}, ~${Math.ceil(estimatedBytes / bytesPerMib)} MiB`))
  return ['read once', ...more].join('; besides, ')
}

/** The plan as comments and the commands of the stages that would run: a shell script. */
export function formatDryRun(plan: Plan): string {
  const comments = formatPlan(plan).split('\n').map(line => `# ${line}`.trimEnd())
  return `${comments.join('\n')}\n\n${formatCommands(plan)}`
}

/** The commands of the stages that would run, as a shell script. */
export function formatCommands(plan: Plan): string {
  const parts = plan.stages
    .filter(stage => !stage.cached && stage.commands.length > 0)
    .map(stage => [`# ${stage.name}`, ...stage.commands].join('\n'))
  return parts.length > 0 ? parts.join('\n') : '# nothing to do: every stage is stored'
}

function state(stage: PlannedStage): string {
  return stage.cached ? 'stored' : 'runs'
}

function cost(stage: PlannedStage): string {
  return stage.cached ? '' : `~${formatSeconds(stage.seconds)}, ${gib(stage.diskBytes)}`
}

export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds)
  return whole < 120 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

/** Gibibytes with one decimal. */
export function gib(bytes: number): string {
  return `${(bytes / bytesPerGib).toFixed(1)} GiB`
}
