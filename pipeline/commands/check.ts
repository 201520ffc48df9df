/** `pipeline check`: spec, kickstart and templates of appliances; changes nothing. */
import { joinProblems, PipelineError } from '../errors/pipeline-error.js'
import { renderAppliance } from '../render/appliance.js'
import { listAppliances, loadAppliance } from '../spec/load.js'
import { loadTargets } from '../targets/index.js'
import { printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { PlaceOptions } from './options.js'
import { placesOf } from './places.js'

/** Checks every named appliance before it fails, so that one run shows all problems. */
export async function runCheck(
  appliances: readonly string[],
  options: PlaceOptions,
  io: CommandIo
): Promise<void> {
  const { root } = placesOf(options)
  const knownTargets = (await loadTargets()).map(target => target.name)
  const names = appliances.length > 0 ? appliances : await listAppliances(root)
  const problems: PipelineError[] = []
  for (const name of names) {
    try {
      await renderAppliance(await loadAppliance({ root, name, knownTargets }))
      printLine(io, `${name}: no problems`)
    } catch (error) {
      if (!(error instanceof PipelineError)) throw error
      problems.push(error)
    }
  }
  if (problems.length > 0) throw joinProblems(problems)
}
