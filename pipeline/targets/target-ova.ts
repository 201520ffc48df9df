/** Checks that the OVAs of VMware and of VirtualBox share: their parts, looked at as files of their own. */
import { join } from 'node:path'
import { checkByTool, checkContent, checkStructure, joinVerdicts, lastLine } from './target-checks.js'
import type { Check, Verdict } from './target-checks.js'
import { withScratch } from './target-scratch.js'
import type { TargetDeps } from './types.js'

export interface OvaNames {
  readonly ova: string
  /** Members of the OVA. */
  readonly ovf: string
  readonly disk: string
}

/** What other programs look at as files of their own. */
export async function checkOvaParts(target: string, { ova, ovf, disk }: OvaNames, [input, deps]: Parameters<Check>): Promise<Verdict> {
  return await withScratch(input.directory, target, async scratch => {
    const unpacked = await deps.run(['bsdtar', '-xf', join(input.directory, ova), '-C', scratch], { okCodes: [0, 1], reason: `verify ${target}` })
    if (unpacked.exitCode !== 0) return { file: ova, problems: [`is refused by bsdtar: ${lastLine(unpacked.stderr)}`] }
    const image = { file: ova, image: { path: join(scratch, disk), format: 'vmdk' } }
    const verdicts = [
      await checkSchema(target, { path: join(scratch, ovf), file: ova }, deps),
      await checkStructure(target, image, deps),
      await checkByTool(target, { command: ['vmdkinfo', image.image.path], file: ova, found: 'vmdkinfo reads it' }, deps),
      await checkContent(target, image, [input, deps]),
    ]
    return joinVerdicts(ova, verdicts)
  })
}

async function checkSchema(target: string, { path, file }: { path: string; file: string }, deps: TargetDeps): Promise<Verdict> {
  const schemas = join(deps.templates, 'ova/xsd')
  const command = ['xmllint', '--nonet', '--noout', '--schema', join(schemas, 'ovf-all.xsd'), path] as const
  const env = { XML_CATALOG_FILES: join(schemas, 'catalog.xml') }
  return await checkByTool(target, { command, file, found: 'the descriptor is valid by the schemas of OVF 1.1', env }, deps)
}
