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
}

/** Errors: those of its reader, `descriptor-wrong` for each value that is another than was asked (exit 5). */
export function requireDescriptor({ file, parse, wanted }: AskedDescriptor, text: string): void {
  const problems = differences(parse(text, file), wanted)
  if (problems.length > 0) throw joinProblems(problems.map(problem => descriptorWrong(file, problem)))
}

export function checkDescriptor({ file, parse, wanted }: AskedDescriptor, text: string): Verdict {
  try {
    const found = parse(text, file)
    const problems = differences(found, wanted)
    return problems.length > 0 ? { file, problems } : { found: [...found.keys()].join(', ') }
  } catch (error) {
    if (error instanceof PipelineError) return { file, problems: [`cannot be read: ${error.message.replace(/\.$/, '')}`] }
    throw error
  }
}

function differences(found: ReadonlyMap<string, unknown>, wanted: AskedDescriptor['wanted']): readonly string[] {
  const wrong = Object.entries(wanted).filter(([key, value]) => !isDeepStrictEqual(found.get(key), value))
  return wrong.map(([key, value]) =>
    value === undefined ? `must not set ${key}` : `has ${key} = ${JSON.stringify(found.get(key)) ?? 'nothing'}, wanted ${JSON.stringify(value)}`)
}
