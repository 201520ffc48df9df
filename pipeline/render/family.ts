/** Renders an appliance of either family to the files a person may look at. */
import type { LoadedAppliance, Spec } from '../spec/types.js'
import { renderAppliance, renderPayload, requireProvision } from './appliance.js'
import { elData, renderRoles } from './el.js'
import type { RenderedFile } from './files.js'

export interface RenderedFamily {
  readonly spec: Spec
  /** `<role>.ks`, `kickstart-disk/**` (debian), `provision/**`. */
  readonly files: readonly RenderedFile[]
  /** `file:line: sentence` */
  readonly warnings: readonly string[]
}

/** Errors: template, kickstart and compiler errors, each with file and line; `provision-empty` (exit 2). */
export async function renderFamily(loaded: LoadedAppliance): Promise<RenderedFamily> {
  return loaded.spec.family === 'el' ? await renderEl(loaded) : await renderDebian(loaded)
}

async function renderDebian(loaded: LoadedAppliance): Promise<RenderedFamily> {
  const { spec, kickstart, installFiles, provisionFiles } = await renderAppliance(loaded)
  requireProvision(provisionFiles, loaded.directory)
  const files = [kickstartFile(spec.name, kickstart), ...below('kickstart-disk', installFiles), ...below('provision', provisionFiles)]
  return { spec, files, warnings: [] }
}

async function renderEl(loaded: LoadedAppliance): Promise<RenderedFamily> {
  const roles = await renderRoles(loaded)
  const payload = await renderPayload(loaded.directory, elData(loaded.spec))
  requireProvision(payload, loaded.directory)
  return {
    spec: loaded.spec,
    files: [...roles.map(({ name, kickstart }) => kickstartFile(name, kickstart)), ...below('provision', payload)],
    warnings: roles.flatMap(({ warnings }) => warnings),
  }
}

function kickstartFile(name: string, text: string): RenderedFile {
  return { path: `${name}.ks`, mode: 0o644, content: Buffer.from(text) }
}

function below(folder: string, files: readonly RenderedFile[]): RenderedFile[] {
  return files.map(file => ({ ...file, path: `${folder}/${file.path}` }))
}
