/** Checks that the OVAs of VMware and of VirtualBox share: the whole by its rules, their parts as files of their own. */
import { join } from 'node:path'
import { lintOva } from '../images/ova-lint.js'
import { checkByTool, checkContent, checkStructure, joinVerdicts, lastLine } from './target-checks.js'
import type { Check, Verdict } from './target-checks.js'
import { checkPacked } from './target-descriptors.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { withScratch } from './target-scratch.js'
import type { TargetDeps, VerifyInput } from './types.js'

export interface OvaNames {
  readonly ova: string
  /** Members of the OVA. */
  readonly ovf: string
  readonly disk: string
}

/** Form, order and sizes of its parts, and that its manifest is of the kind that was asked for. */
export async function checkOvaRules(file: string, { directory, options }: VerifyInput): Promise<Verdict> {
  const { problems, members, manifest = 'none', grains } = await lintOva(join(directory, file))
  const wanted = options.ovaManifest
  const missing = manifest.toLowerCase() === wanted ? [] : [`has a manifest by ${manifest.toLowerCase()}, wanted ${wanted}`]
  if (problems.length + missing.length > 0) return { file, problems: [...problems, ...missing] }
  return { found: `${members.map(({ name }) => name).join(', ')}; ${grains} grains, one end of stream; manifest by ${wanted}` }
}

/** That the descriptor asks for the machine of the spec: virt-v2v and the schemas do not look at most of it. */
export async function checkOvaMachine(
  target: string,
  { ova, ovf }: Pick<OvaNames, 'ova' | 'ovf'>,
  { asked, input, deps }: { readonly asked: AskedDescriptor; readonly input: VerifyInput; readonly deps: TargetDeps }
): Promise<Verdict> {
  const { stdout } = await deps.run(['bsdtar', '-xOf', join(input.directory, ova), ovf], { okCodes: [0, 1], reason: `verify ${target}` })
  return checkPacked(ova, asked, stdout)
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
