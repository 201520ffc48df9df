/** `pipeline check`: spec, kickstart and templates of appliances, or any kickstart file; changes nothing. */
import { readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { optionUseless } from '../errors/commands.js'
import { kickstartUnreadable, warningRefused } from '../errors/kickstart.js'
import { joinProblems, PipelineError } from '../errors/pipeline-error.js'
import { reviewFile } from '../kickstart/review-file.js'
import { renderFamily } from '../render/family.js'
import { rehearseExports } from '../run/rehearse.js'
import { listAppliances, loadAppliance } from '../spec/load.js'
import { defaultExportOptions, loadTargets } from '../targets/index.js'
import { printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { PlaceOptions } from './options.js'
import { placesOf } from './places.js'

export interface CheckOptions extends PlaceOptions {
  readonly release?: string
  readonly strict?: boolean
}

/** Checks everything named before it fails, so that one run shows all problems. Warnings go to stderr. Errors: also `option-useless` (exit 2). */
export async function runCheck(names: readonly string[], options: CheckOptions, io: CommandIo): Promise<void> {
  const { root, templates } = placesOf(options)
  if (options.release !== undefined && !names.some(isFile)) throw optionUseless('--release', 'it is for kickstart files; the release of an appliance stands in its appliance.yaml')
  const problems: PipelineError[] = []
  for (const name of names.length > 0 ? names : await listAppliances(root)) {
    try {
      printLine(io, isFile(name) ? await checkFile(name, options, io) : await checkAppliance(name, { ...options, root, templates }, io))
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

interface AppliancePlaces {
  readonly root: string
  readonly templates: string
  readonly strict?: boolean
}

async function checkAppliance(name: string, { root, templates, strict = false }: AppliancePlaces, io: CommandIo): Promise<string> {
  const allTargets = await loadTargets()
  const loaded = await loadAppliance({ root, name, knownTargets: allTargets.map(target => target.name) })
  const { warnings } = await renderFamily(loaded)
  const { spec } = loaded
  const targets = allTargets.filter(target => spec.targets.includes(target.name))
  const problems = await rehearseExports({ spec, targets, options: defaultExportOptions, templates, signal: new AbortController().signal })
  if (problems.length > 0) throw joinProblems(problems)
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
