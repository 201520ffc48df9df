/** Catalogue: everything that can be wrong with a kickstart, each with the place `file:line`. */
import { exitCodes } from './exit-codes.js'
import { nearest, suggest } from './nearest.js'
import { PipelineError } from './pipeline-error.js'

function kickstartError(code: string, message: string, hint: string, cause?: unknown): PipelineError {
  return new PipelineError({ code, message, hint, exitCode: exitCodes.usage, cause })
}

/** A long list of known words helps nobody: the nearest one, or where to look. */
function near(word: string, known: readonly string[], otherwise: string): string {
  const found = nearest(word, known)
  return found === undefined ? otherwise : `Did you mean "${found}"?`
}

/** @param indented place of a line that would close it without the blanks before */
export function sectionUnclosed(place: string, section: string, indented?: string): PipelineError {
  return kickstartError(
    'kickstart-section-unclosed',
    `${place}: ${section} has no %end.`,
    indented === undefined ? 'Close the section with a line %end.' : `Begin the %end of ${indented} in the first column: Anaconda of this release looks nowhere else.`
  )
}

export function endWithoutSection(place: string): PipelineError {
  return kickstartError(
    'kickstart-end-without-section',
    `${place}: %end closes no section.`,
    'Take the line out, or open the section it was meant for in the same file.'
  )
}

export function sectionUnknown(place: string, section: string, known: readonly string[]): PipelineError {
  return kickstartError(
    'kickstart-section-unknown',
    `${place}: there is no section "${section}".`,
    suggest(section, known, 'Sections')
  )
}

export function commandUnknown(place: string, command: string, known: readonly string[]): PipelineError {
  const hint = near(
    command,
    known,
    'A line outside a section is a kickstart command; shell lines go into %pre or %post.'
  )
  return kickstartError('kickstart-command-unknown', `${place}: there is no command "${command}".`, hint)
}

export function commandNotInRelease(
  place: string,
  command: string,
  release: string,
  known: readonly string[]
): PipelineError {
  return kickstartError(
    'kickstart-command-not-in-release',
    `${place}: ${release} has no command "${command}".`,
    near(command, known, 'Take it out, or describe the same in a %post script.')
  )
}

export function commandRemoved(place: string, command: string, release: string): PipelineError {
  return kickstartError(
    'kickstart-command-removed',
    `${place}: ${release} no longer has the command "${command}".`,
    'Take the line out.'
  )
}

export function commandTwice(place: string, command: string, first: string): PipelineError {
  return kickstartError(
    'kickstart-twice',
    `${place}: ${command} was given before, at ${first}.`,
    'Keep one of the two.'
  )
}

export function wordsWrong(place: string, problem: string): PipelineError {
  return kickstartError(
    'kickstart-words',
    `${place}: ${problem}.`,
    'Put a value with blanks, quotes or # in single quotes.'
  )
}

export function includeWithoutPath(place: string): PipelineError {
  return kickstartError(
    'kickstart-include-path',
    `${place}: %include names no file.`,
    'Write %include <file>, relative to the kickstart.'
  )
}

export function appendWithoutPath(place: string): PipelineError {
  return kickstartError(
    'kickstart-append-path',
    `${place}: %ksappend names no file.`,
    'Write %ksappend <address>: the installer fetches it from there.'
  )
}

export function includeUnreadable(
  place: string,
  path: string,
  cause: NodeJS.ErrnoException
): PipelineError {
  return kickstartError(
    'kickstart-include-unreadable',
    `${place}: could not read the included file ${path}: ${cause.code ?? cause.message}.`,
    'Included files are read before anything runs: one that %pre would write cannot be included.',
    cause
  )
}

/** @param chain the files from the first to the one that comes round again */
export function includeCycle(place: string, chain: readonly string[]): PipelineError {
  return kickstartError(
    'kickstart-include-cycle',
    `${place}: files include each other: ${chain.join(' -> ')}.`,
    'Take out one of these %include lines.'
  )
}

/** @param subject the command or section, as written */
export function optionUnknown(
  place: string,
  subject: string,
  option: string,
  known: readonly string[]
): PipelineError {
  return kickstartError(
    'kickstart-option-unknown',
    `${place}: ${subject} has no option "${option}".`,
    suggest(option, known, 'Options')
  )
}

export function optionWrong(
  place: string,
  option: string,
  problem: string,
  hint: string
): PipelineError {
  return kickstartError('kickstart-option', `${place}: ${option} ${problem}.`, hint)
}

/** @param ways options, or what the argument says; one of them is enough */
export function optionMissing(place: string, subject: string, ...ways: readonly string[]): PipelineError {
  const wanted = ways.length > 1 ? `one of ${ways.join(', ')}` : ways.join()
  return kickstartError(
    'kickstart-option-missing',
    `${place}: ${subject} needs ${wanted}.`,
    ways.length > 1 ? 'Add one of them.' : `Add ${wanted}.`
  )
}

/** @param wanted how many, in words */
export function argumentCount(
  place: string,
  subject: string,
  wanted: string,
  found: readonly string[]
): PipelineError {
  const seen = found.length === 0 ? 'none' : found.map(word => `"${word}"`).join(', ')
  return kickstartError(
    'kickstart-arguments',
    `${place}: ${subject} takes ${wanted} besides options, and this line has ${seen}.`,
    'Put a value with blanks in quotes.'
  )
}

/** A value that was understood and is not right. */
export function kickstartValue(place: string, problem: string, hint: string): PipelineError {
  return kickstartError('kickstart-value', `${place}: ${problem}.`, hint)
}

/** Something that needs the whole file to see: a missing root partition, two of a thing. */
export function kickstartRule(place: string, problem: string, hint: string): PipelineError {
  return kickstartError('kickstart-rule', `${place}: ${problem}.`, hint)
}

/** @param what command, option or section as written; `honoured` is what the family can do instead */
export function familyCannot(place: string, what: string, hint: string): PipelineError {
  return kickstartError('kickstart-family', `${place}: the debian family cannot honour "${what}".`, hint)
}

/** Anaconda would take it; --strict does not. @param warning `file:line: sentence` */
export function warningRefused(warning: string): PipelineError {
  return kickstartError('kickstart-warning', `${warning}.`, 'Without --strict this is a warning.')
}

export function kickstartUnreadable(file: string, cause: NodeJS.ErrnoException): PipelineError {
  return kickstartError(
    'kickstart-unreadable',
    `Could not read the kickstart ${file}: ${cause.code ?? cause.message}.`,
    `Look at it: ls -l ${file}`,
    cause
  )
}

export function releaseUnsaid(file: string, known: readonly string[]): PipelineError {
  return kickstartError(
    'kickstart-release-unsaid',
    `${file}: for which release? The file does not say it.`,
    `Add --release N, or a line #version=RELEASE to the file. Releases: ${known.join(', ')}.`
  )
}

export function releaseUnknown(place: string, release: string, known: readonly string[]): PipelineError {
  return kickstartError(
    'kickstart-release-unknown',
    `${place}: there are no rules for the release "${release}".`,
    suggest(release, known, 'Releases')
  )
}

/** @param packages that neither the list names nor what it names needs */
export function packagesNotAsked(file: string, packages: readonly string[]): PipelineError {
  return kickstartError(
    'packages-not-asked',
    `${file}: the image would be without ${packages.join(', ')}, which its provision or its targets need.`,
    'Add them to %packages; which targets an image is for stands in appliance.yaml (targets).'
  )
}
