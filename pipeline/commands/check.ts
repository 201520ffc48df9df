/** `pipeline check`: spec, kickstart and templates of appliances, or any kickstart file; changes nothing. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { kickstartUnreadable, warningRefused } from '../errors/kickstart.js'
import { joinProblems, PipelineError } from '../errors/pipeline-error.js'
import { reviewFile } from '../kickstart/review-file.js'
import { renderFamily } from '../render/family.js'
import { listAppliances, loadAppliance } from '../spec/load.js'
import { loadTargets } from '../targets/index.js'
import { printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { PlaceOptions } from './options.js'
import { placesOf } from './places.js'

export interface CheckOptions extends PlaceOptions {
  readonly release?: string
  readonly strict?: boolean
}

/** Checks everything named before it fails, so that one run shows all problems. Warnings go to stderr. */
export async function runCheck(names: readonly string[], options: CheckOptions, io: CommandIo): Promise<void> {
  const { root } = placesOf(options)
  const problems: PipelineError[] = []
  for (const name of names.length > 0 ? names : await listAppliances(root)) {
    try {
      printLine(io, isFile(name) ? await checkFile(name, options, io) : await checkAppliance(name, { ...options, root }, io))
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      problems.push(error)
    }
  }
  if (problems.length > 0) throw joinProblems(problems)
}

/** An appliance's name has neither a slash nor a dot. */
function isFile(name: string): boolean {
  return /[/.]/.test(name)
}

async function checkAppliance(name: string, { root, strict = false }: { root: string; strict?: boolean }, io: CommandIo): Promise<string> {
  const knownTargets = (await loadTargets()).map(target => target.name)
  const { warnings } = await renderFamily(await loadAppliance({ root, name, knownTargets }))
  if (strict && warnings.length > 0) throw joinProblems(warnings.map(warningRefused))
  return outcome(name, warnings, io)
}

async function checkFile(file: string, options: CheckOptions, io: CommandIo): Promise<string> {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw kickstartUnreadable(file, error)
  })
  const { release, warnings } = reviewFile(text, {
    file,
    readInclude: path => readFileSync(resolve(dirname(file), path), 'utf8'),
    strict: options.strict ?? false,
    ...(options.release ? { release: options.release } : {}),
  })
  return `${outcome(file, warnings, io)} for ${release}`
}

function outcome(name: string, warnings: readonly string[], io: CommandIo): string {
  for (const warning of warnings) io.stderr.write(`warning: ${warning}\n`)
  if (warnings.length === 0) return `${name}: no problems`
  return `${name}: ${warnings.length} ${warnings.length === 1 ? 'warning' : 'warnings'}`
}
