/** The Xen host of verification, out of the stage store or bootstrapped into it. */
import { join } from 'node:path'
import { PipelineError } from '../errors/pipeline-error.js'
import { readFolder } from '../render/files.js'
import { treeDigest } from '../stages/file-tree.js'
import { resolvePackages } from '../stages/packages.js'
import type { PackageSet } from '../stages/packages.js'
import type { StageContext } from '../stages/types.js'
import { buildXenHost, xenHostInputs, xenHostPackages, xenHostSpec } from '../stages/verify-xen-host.js'
import type { XenHost } from '../stages/verify-xen-host.js'
import { askVersions } from '../tools/versions.js'
import type { Store } from './store.js'

export interface XenHostPlaces {
  readonly store: Store
  readonly templates: string
  /** What is known of mirrors is kept here. */
  readonly state: string
  readonly mirror?: string
  readonly offline: boolean
  /** Of the programs that are run: proxies count. */
  readonly env: Readonly<Record<string, string | undefined>>
}

/** One name in the store's folder, as of a stage. */
const stage = 'xen-host'

/** Makes the function that verification gets; the mirror is asked once. */
export function xenHostOf(places: XenHostPlaces): (context: StageContext) => Promise<XenHost> {
  let found: Promise<XenHost> | undefined
  return context => (found ??= storedXenHost(places, context))
}

/** Errors: those of the package set, the media stage and the store. The store's lock must be held. */
async function storedXenHost(places: XenHostPlaces, context: StageContext): Promise<XenHost> {
  const { store, templates } = places
  const { run, signal } = context
  const hooks = join(templates, 'media')
  const programs = { program: join(templates, 'xen-host/start-guest'), emulator: join(templates, 'xen-host/emulator') }
  const packages = await packagesOf(places, context)
  const tools = await askVersions(run)
  const inputs = xenHostInputs({ packages, hooks: treeDigest(await readFolder(hooks)), tools })
  const stored = await store.lookup(stage, inputs)
  if (stored) return { directory: stored.directory, ...programs }
  const made = await store.build({ stage, appliance: xenHostSpec.name, inputs, signal }, async directory => {
    await buildXenHost({ packages, hooks }, context, directory)
    return {}
  })
  return { directory: made.directory, ...programs }
}

/** A release can be verified while the mirror is away, when the host was bootstrapped before. */
async function packagesOf({ state, mirror, offline, env }: XenHostPlaces, { run, progress }: StageContext): Promise<PackageSet> {
  const request = { spec: xenHostSpec, include: xenHostPackages, stateDirectory: state, env, ...(mirror ? { mirror } : {}) }
  try {
    return await resolvePackages({ ...request, offline }, run)
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'mirror-unreachable') throw error
    const known = await resolvePackages({ ...request, offline: true }, run).catch(() => Promise.reject(error))
    progress(`${error.message} Taking the Xen host of before.`)
    return known
  }
}
