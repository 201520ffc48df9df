/** Commands that say one thing in several ways: by one of some options, or by their argument. */
import { kickstartRule, optionMissing } from '../errors/kickstart.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import type { CheckedCommand } from './conflicts.js'
import { entryOf } from './entry.js'
import { wordTable } from './releases.js'
import type { ElRelease } from './releases.js'
import { says } from './says.js'

interface OneOf {
  /** By their names in el-commands.json; a release need not know them all. */
  readonly options: readonly string[]
  /** An option with an empty value counts, too. */
  readonly emptyCounts?: true
  /** What an argument says in their stead. */
  readonly argument?: string
  /** More than one may be given. */
  readonly several?: true
  /** Releases that let all of them be absent. */
  readonly mayLack?: readonly ElRelease[]
}

/** Anaconda's reader tests these in its code, not in its tables of options. */
const oneOf: Readonly<Record<string, OneOf>> = {
  // RHEL 6 has no other way than --url, and asks for the option, not for a value.
  url: { options: ['--url', '--mirrorlist', '--metalink'], mayLack: ['RHEL6'] },
  // A repo by name alone is one that RHEL 7 and later know.
  repo: { options: ['--baseurl', '--mirrorlist', '--metalink'], mayLack: ['RHEL7', 'RHEL8', 'RHEL9', 'RHEL10'] },
  harddrive: { options: ['--partition', '--biospart'], emptyCounts: true },
  driverdisk: { options: ['--source', '--biospart'], argument: 'a partition' },
  ignoredisk: { options: ['--only-use', '--drives', '--interactive'] },
  keyboard: { options: ['--vckeymap', '--xlayouts'], argument: 'a layout', several: true },
  timezone: { options: ['--utc', '--isUtc', '--nontp', '--ntpservers'], argument: 'a zone', several: true, emptyCounts: true },
  timesource: { options: ['--ntp-server', '--ntp-pool', '--ntp-disable'] },
  services: { options: ['--disabled', '--enabled'], several: true },
  key: { options: ['--skip'], argument: 'a number', several: true },
}

/** The problem of a line that has none of them, or two that exclude each other. */
export function oneOfProblems(command: CheckedCommand, release: ElRelease): readonly PipelineError[] {
  const rule = entryOf(oneOf, command.name)
  if (!rule) return []
  const { name, place, values, words } = command
  const given = [
    ...(rule.argument && words.length > 0 ? [rule.argument] : []),
    ...rule.options.filter(option => (rule.emptyCounts ? values.flag(option) : says(command, option, release))),
  ]
  if (given.length === 0) {
    return rule.mayLack?.includes(release) ? [] : [optionMissing(place, name, ...waysIn(rule, name, release))]
  }
  if (given.length === 1 || rule.several) return []
  return [kickstartRule(place, `${name} has ${given.join(' and ')}, which exclude each other`, 'Keep one of them.')]
}

function waysIn({ options, argument }: OneOf, name: string, release: ElRelease): readonly string[] {
  const known = Object.keys(wordTable(release, name).options ?? {}).map(names => names.split(' ')[0])
  return [...(argument ? [argument] : []), ...options.filter(option => known.includes(option))]
}
