/** Reviews a kickstart as its text stands: which release it is for, what is wrong for it, what is worth a warning. */
import { releaseUnknown, releaseUnsaid, warningRefused } from '../errors/kickstart.js'
import { joinProblems } from '../errors/pipeline-error.js'
import { reviewKickstart } from './check.js'
import { readKickstart } from './parse.js'
import type { ParseOptions } from './parse.js'
import { elReleases, releaseNamed } from './releases.js'
import type { ElRelease } from './releases.js'

export interface ReviewOptions extends Omit<ParseOptions, 'release'> {
  /** As a user writes it: `7`, `RHEL7`. @default what the file's own line `#version=RHEL7` says */
  readonly release?: string
  /** Warnings are errors. @default false */
  readonly strict?: boolean
}

export interface Review {
  readonly release: ElRelease
  /** `file:line: sentence` */
  readonly warnings: readonly string[]
}

/** Errors (exit 2), all at once, each with file:line: what Anaconda of that release refuses; with strict the warnings, too. */
export function reviewFile(text: string, options: ReviewOptions): Review {
  const release = releaseOf(text, options)
  const { tree, problems } = readKickstart(text, { keepInclude: isInstallersOwn, ...options, release })
  const found = reviewKickstart(tree, release)
  const all = [...problems, ...found.problems, ...(options.strict ? found.warnings.map(warningRefused) : [])]
  if (all.length > 0) throw joinProblems(all)
  return { release, warnings: found.warnings }
}

/** A path from the root, or an address: %pre or the network provides it at installation. A relative one is a file of the project. */
function isInstallersOwn(path: string): boolean {
  return path.startsWith('/') || /^[a-z]+:\/\//.test(path)
}

/** Anaconda writes the line `#version=` at the top of what it saves, and its own tools read it. */
function releaseOf(text: string, { release, file }: ReviewOptions): ElRelease {
  const line = text.split('\n').findIndex(each => /^#\s*version=\S/i.test(each))
  const written = /=(\S+)/.exec(text.split('\n')[line] ?? '')?.[1]
  const wanted = release ?? written
  if (wanted === undefined) throw releaseUnsaid(file, elReleases)
  const found = releaseNamed(wanted)
  if (!found) throw releaseUnknown(release === undefined ? `${file}:${line + 1}` : '--release', wanted, elReleases)
  return found
}
