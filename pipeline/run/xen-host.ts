/** The Xen host of verification, out of the stage store or bootstrapped into it. */
import { join } from 'node:path'
import { readFolder } from '../render/files.js'
import { treeDigest } from '../stages/file-tree.js'
import { resolvePackages } from '../stages/packages.js'
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
}

/** One name in the store's folder, as of a stage. */
const stage = 'xen-host'

/** Makes the function that verification gets; the mirror is asked once. */
export function xenHostOf(places: XenHostPlaces): (context: StageContext) => Promise<XenHost> {
  let found: Promise<XenHost> | undefined
  return context => (found ??= storedXenHost(places, context))
}

/** Errors: those of the package set, the media stage and the store. The store's lock must be held. */
async function storedXenHost({ store, templates, state, mirror, offline }: XenHostPlaces, context: StageContext): Promise<XenHost> {
  const { run, signal } = context
  const hooks = join(templates, 'media')
  const program = join(templates, 'xen-host/start-guest')
  const request = { spec: xenHostSpec, include: xenHostPackages, stateDirectory: state, offline, ...(mirror ? { mirror } : {}) }
  const packages = await resolvePackages(request, run, signal)
  const tools = await askVersions(run)
  const inputs = xenHostInputs({ packages, hooks: treeDigest(await readFolder(hooks)), tools })
  const stored = await store.lookup(stage, inputs)
  if (stored) return { directory: stored.directory, program }
  const made = await store.build({ stage, inputs, signal }, async directory => {
    await buildXenHost({ packages, hooks }, context, directory)
    return {}
  })
  return { directory: made.directory, program }
}
