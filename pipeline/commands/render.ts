/** `pipeline render`: writes what a build would hand to its tools, for people to look at. */
import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { outputNotEmpty } from '../errors/commands.js'
import { renderFamily } from '../render/family.js'
import { loadAppliance } from '../spec/load.js'
import { writeTree } from '../stages/file-tree.js'
import { loadTargets } from '../targets/index.js'
import { printLine } from './io.js'
import type { CommandIo } from './io.js'
import { placesOf } from './places.js'
import type { RenderOptions } from './program.js'

/** Prints the folder's path. Errors: `output-not-empty` (exit 2), those of spec, kickstart and templates. */
export async function runRender(appliance: string, options: RenderOptions, io: CommandIo): Promise<void> {
  const { root } = placesOf(options)
  const output = resolve(options.out)
  const knownTargets = (await loadTargets()).map(target => target.name)
  const { spec, files } = await renderFamily(await loadAppliance({ root, name: appliance, set: options.set, knownTargets }))
  await mkdir(output, { recursive: true })
  if ((await readdir(output)).length > 0) throw outputNotEmpty(output)
  await writeFile(join(output, 'appliance.json'), `${JSON.stringify(spec, null, 2)}\n`)
  await writeTree(output, files)
  printLine(io, output)
}
