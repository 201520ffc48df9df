/** `pipeline render`: writes what a build would hand to its tools, for people to look at. */
import { mkdir, readdir, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { outputNotEmpty, outputNotWritable } from '../errors/commands.js'
import { renderFamily } from '../render/family.js'
import { loadAppliance } from '../spec/load.js'
import { writeTree } from '../stages/file-tree.js'
import { loadTargets } from '../targets/index.js'
import { printLine } from './io.js'
import type { CommandIo } from './io.js'
import { placesOf } from './places.js'
import type { RenderOptions } from './program.js'

/** Prints the folder's path. Errors: `output-not-empty` (exit 2), `output-not-writable` (3), those of spec, kickstart and templates. */
export async function runRender(appliance: string, options: RenderOptions, io: CommandIo): Promise<void> {
  const { root } = placesOf(options)
  const output = resolve(options.out)
  const knownTargets = (await loadTargets()).map(target => target.name)
  const { spec, files } = await renderFamily(await loadAppliance({ root, name: appliance, set: options.set, knownTargets }))
  const notWritable = (error: NodeJS.ErrnoException) => outputNotWritable(options.out, error.message, '--out')
  const there = await mkdir(output, { recursive: true }).then(() => readdir(output)).catch((error: NodeJS.ErrnoException) => {
    throw notWritable(error)
  })
  if (there.length > 0) throw outputNotEmpty(output)
  try {
    await writeFile(join(output, 'appliance.json'), `${JSON.stringify(spec, null, 2)}\n`)
    await writeTree(output, files)
  } catch (error) {
    // A half would look like a whole, and the next call would refuse the folder.
    for (const name of await readdir(output)) await rm(join(output, name), { recursive: true, force: true })
    throw notWritable(error as NodeJS.ErrnoException)
  }
  printLine(io, output)
}
