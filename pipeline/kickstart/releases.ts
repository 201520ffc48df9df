/** What Anaconda of each el release understands, as data, and the words known in any of them. */
import { createRequire } from 'node:module'
import { entryOf } from './entry.js'
import type { WordTable } from './option-rules.js'

export const elReleases = ['RHEL6', 'RHEL7', 'RHEL8', 'RHEL9', 'RHEL10'] as const

export type ElRelease = (typeof elReleases)[number]

export interface ElCommand extends WordTable {
  /** Still read, without effect. */
  readonly deprecated?: true
  /** Refused. */
  readonly removed?: true
  /** Still works; the command to write instead. */
  readonly superseded?: string
  /** Its words are another program's (authconfig), or nobody's (deviceprobe): not read here. */
  readonly passesOn?: true
}

export interface ElRules {
  /** Options of each section, by its name with the percent sign. */
  readonly sections: Readonly<Record<string, WordTable['options']>>
  readonly commands: Readonly<Record<string, ElCommand>>
}

// Not `import ... with { type: 'json' }`: Node 20 prints a warning for it on every start.
const data = createRequire(import.meta.url)('./el-commands.json') as {
  readonly releases: Readonly<Record<ElRelease, ElRules>>
}

/** The rules of one release. */
export function elRules(release: ElRelease): ElRules {
  return data.releases[release]
}

/** The options and arguments of a command or section of one release; empty where it knows no such. */
export function wordTable(release: ElRelease, name: string): WordTable {
  const { commands, sections } = data.releases[release]
  return (name.startsWith('%') ? { options: entryOf(sections, name) } : entryOf(commands, name)) ?? {}
}

function knownIn(part: keyof ElRules): readonly string[] {
  return [...new Set(elReleases.flatMap(release => Object.keys(data.releases[release][part])))].sort()
}

export const knownCommands = knownIn('commands')

export const knownSections = knownIn('sections')

/** The release meant by `RHEL7`, `rhel7`, `7` or `7.9`; undefined when there are no rules for it. */
export function releaseNamed(text: string): ElRelease | undefined {
  const major = /^(?:rhel)?(\d+)(?:\.\d+)?$/i.exec(text)?.[1]
  return elReleases.find(release => release === `RHEL${major}`)
}
