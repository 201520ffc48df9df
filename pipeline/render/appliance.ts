/** Renders one appliance whole: kickstart, compiled install script, first-boot payload, provision scripts. */
import { readFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { provisionEmpty } from '../errors/spec.js'
import { compileDebian } from '../kickstart/compile-debian.js'
import type { DebianInstall } from '../kickstart/compile-debian.js'
import { parseKickstart } from '../kickstart/parse.js'
import type { LoadedAppliance, Spec } from '../spec/types.js'
import { renderMapped } from './engine.js'
import { renderFolder } from './files.js'
import type { RenderedFile } from './files.js'

export interface RenderedAppliance {
  readonly spec: Spec
  /** Rendered kickstart, as its family's installer reads it. */
  readonly kickstart: string
  /** The kickstart compiled for the debian family. */
  readonly compiled: DebianInstall
  /** What the kickstart disk holds: install.sh and its parts, and files/ from the appliance's install/. */
  readonly installFiles: readonly RenderedFile[]
  /** What provision uploads: first-boot/** and provision/**. */
  readonly provisionFiles: readonly RenderedFile[]
}

/** Errors: template, kickstart and compiler errors, each with file and line (exit 2). */
export async function renderAppliance(loaded: LoadedAppliance): Promise<RenderedAppliance> {
  const { spec, directory } = loaded
  const data = { spec }
  const file = join(directory, spec.kickstart)
  const kickstart = renderMapped({ file, text: await readFile(file, 'utf8'), data })
  const tree = parseKickstart(kickstart, {
    file,
    // What is included is a part of the template: it is filled in like the rest.
    readInclude: path => {
      const included = resolve(dirname(file), path)
      return renderMapped({ file: included, text: readFileSync(included, 'utf8'), data })
    },
  })
  const compiled = compileDebian(tree, {
    seed: `${spec.name}-${spec.version}`,
    diskMib: spec.hardware.diskGib * mibPerGib,
  })
  const install = await renderFolder(join(directory, 'install'), data)
  return {
    spec,
    kickstart: kickstart.text,
    compiled,
    installFiles: [...scripts(compiled), ...below('files', install)],
    provisionFiles: await renderPayload(directory, data),
  }
}

/** What provision uploads, of either family: `first-boot/**` with the shared engine in it, `provision/**`. */
export async function renderPayload(directory: string, data: object): Promise<RenderedFile[]> {
  const [shared, firstBoot, provision] = await Promise.all(
    ['../shared/first-boot', 'first-boot', 'provision'].map(name => renderFolder(join(directory, name), data))
  )
  return [...below('first-boot', overlay(shared, firstBoot)), ...below('provision', provision)]
}

/** @param files as of `renderPayload` @param directory of the appliance. Errors: `provision-empty` (exit 2). */
export function requireProvision(files: readonly RenderedFile[], directory: string): void {
  if (!files.some(({ path }) => /^provision\/[^/]+\.sh$/.test(path))) throw provisionEmpty(join(directory, 'provision'))
}

const mibPerGib = 1024

function scripts(compiled: DebianInstall): RenderedFile[] {
  return Object.entries(compiled.files)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, text]) => ({ path, mode: 0o755, content: Buffer.from(text) }))
}

/** The engine of the first boot is the same for every appliance; a file of the appliance's own takes a shared one's place. */
function overlay(shared: readonly RenderedFile[] = [], own: readonly RenderedFile[] = []): RenderedFile[] {
  const names = new Set(own.map(({ path }) => path))
  return [...shared.filter(({ path }) => !names.has(path)), ...own].sort((a, b) => (a.path < b.path ? -1 : 1))
}

function below(folder: string, files: readonly RenderedFile[] = []): RenderedFile[] {
  return files.map(file => ({ ...file, path: `${folder}/${file.path}` }))
}
