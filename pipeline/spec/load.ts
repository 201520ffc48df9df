/** Finds and reads kickstarts/<name>/appliance.yaml; the only file of this folder that touches the disk. */
import { readFile, readdir, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { joinProblems } from '../errors/pipeline-error.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { applianceNameWrong, applianceNone, applianceUnknown, specRule, specUnreadable } from '../errors/spec.js'
import { applyDefaults } from './defaults.js'
import { checkRules } from './rules.js'
import type { LoadedAppliance, Spec } from './types.js'
import { validateSpec } from './validate.js'
import type { ValidSpec } from './validate.js'

export interface LoadRequest {
  /** Folder that holds kickstarts/. */
  readonly root: string
  readonly name: string
  /** `key=value` arguments of --set, in order. */
  readonly set?: readonly string[]
  /** Names of all targets; they come later in the import order. */
  readonly knownTargets: readonly string[]
}

/**
 * Names of the appliances under root, sorted: folders of kickstarts/ with an appliance.yaml. Empty
 * when there are none.
 */
export async function listAppliances(root: string): Promise<readonly string[]> {
  const folder = join(root, 'kickstarts')
  const names = await readdir(folder).catch(noneWhenMissing)
  const found = await Promise.all(
    names.map(async name => ((await isFile(join(folder, name, 'appliance.yaml'))) ? [name] : []))
  )
  return found.flat().sort()
}

/**
 * Loads, validates and completes an appliance. Throws a PipelineError (exit 2): `appliance-unknown`, `appliance-none`,
 * `appliance-name`, `spec-unreadable`, or every fault of the description at once.
 */
export async function loadAppliance({
  root,
  name,
  set = [],
  knownTargets,
}: LoadRequest): Promise<LoadedAppliance> {
  const known = await listAppliances(root)
  if (known.length === 0) throw applianceNone(root)
  if (!known.includes(name)) throw applianceUnknown(name, known)
  if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) throw applianceNameWrong(name)
  const file = `kickstarts/${name}/appliance.yaml`
  const text = await readFile(join(root, file), 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw specUnreadable(file, error)
  })
  const valid = validateSpec(file, text, set)
  const spec = applyDefaults(valid.written, { name, knownTargets })
  const directory = resolve(root, 'kickstarts', name)
  const problems = [
    ...checkRules(spec, knownTargets, valid.place),
    ...(await missingKickstart(spec, directory, valid)),
  ]
  if (problems.length > 0) throw joinProblems(problems)
  return { spec, directory }
}

async function missingKickstart(
  spec: Spec,
  directory: string,
  { place }: ValidSpec
): Promise<readonly PipelineError[]> {
  if (await isFile(join(directory, spec.kickstart))) return []
  const hint = `Write kickstarts/${spec.name}/${spec.kickstart}, or name the one to use with the key kickstart.`
  return [
    specRule(
      place(['kickstart']),
      'kickstart',
      `there is no file ${spec.kickstart} in kickstarts/${spec.name}`,
      hint
    ),
  ]
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    found => found.isFile(),
    () => false
  )
}

function noneWhenMissing(error: NodeJS.ErrnoException): string[] {
  if (error.code === 'ENOENT') return []
  throw specUnreadable('kickstarts', error)
}
