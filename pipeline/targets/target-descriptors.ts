/** Holds a descriptor to what was asked: as soon as it is rendered, and again when the release is verified. */
import { isDeepStrictEqual } from 'node:util'
import { joinProblems, PipelineError } from '../errors/pipeline-error.js'
import { descriptorWrong } from '../errors/targets.js'
import type { Verdict } from './target-checks.js'

/** A descriptor, and what it must say. */
export interface AskedDescriptor {
  /** As errors name it. */
  readonly file: string
  /** Its strict reader. Errors: a PipelineError for a text that is none. */
  readonly parse: (text: string, file: string) => ReadonlyMap<string, unknown>
  /** By key; undefined: must not be set. */
  readonly wanted: Readonly<Record<string, unknown>>
  /** Keys that must be set, to whatever. @default none */
  readonly present?: readonly string[]
}

/** Errors: those of its reader, `descriptor-wrong` for each value that is another than was asked (exit 5). */
export function requireDescriptor(asked: AskedDescriptor, text: string): void {
  const { file, parse } = asked
  const problems = differences(parse(text, file), asked)
  if (problems.length > 0) throw joinProblems(problems.map(problem => descriptorWrong(file, problem)))
}

/** Of one that was read out of an archive: the archive is what is at fault. */
export function checkPacked(archive: string, asked: AskedDescriptor, text: string): Verdict {
  const verdict = checkDescriptor(asked, text)
  return 'problems' in verdict ? { file: archive, problems: verdict.problems.map(problem => `holds ${asked.file}, which ${problem}`) } : verdict
}

export function checkDescriptor(asked: AskedDescriptor, text: string): Verdict {
  const { file, parse, wanted } = asked
  try {
    const found = parse(text, file)
    const problems = differences(found, asked)
    return problems.length > 0 ? { file, problems } : { found: Object.keys(wanted).filter(key => found.has(key)).join(', ') }
  } catch (error) {
    if (error instanceof PipelineError) return { file, problems: [`cannot be read: ${error.message.replace(/\.$/, '')}`] }
    throw error
  }
}

function differences(found: ReadonlyMap<string, unknown>, { wanted, present = [] }: AskedDescriptor): readonly string[] {
  const missing = present.filter(key => !found.has(key))
  const wrong = Object.entries(wanted).filter(([key, value]) => !missing.includes(key) && !isDeepStrictEqual(found.get(key), value))
  const told = wrong.map(([key, value]) =>
    value === undefined ? `must not set ${key}` : `has ${key} = ${JSON.stringify(found.get(key)) ?? 'nothing'}, wanted ${JSON.stringify(value)}`)
  return [...missing.map(key => `lacks ${key}`), ...told]
}
