/** Renders one appliance whole: kickstart, compiled install script, first-boot payload, provision scripts. */
import { readFile } from 'node:fs/promises'
import { readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { compileDebian } from '../kickstart/compile-debian.js'
import type { DebianInstall } from '../kickstart/compile-debian.js'
import { parseKickstart } from '../kickstart/parse.js'
import type { LoadedAppliance, Spec } from '../spec/types.js'
import { renderTemplate } from './engine.js'
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
  const kickstart = renderTemplate({ file, text: await readFile(file, 'utf8'), data })
  const tree = parseKickstart(kickstart, { file, readInclude: path => readFileSync(resolve(dirname(file), path), 'utf8') })
  const compiled = compileDebian(tree, {
    seed: `${spec.name}-${spec.version}`,
    diskMib: spec.hardware.diskGib * mibPerGib,
  })
  const [install, shared, firstBoot, provision] = await Promise.all(
    ['install', '../shared/first-boot', 'first-boot', 'provision'].map(name => renderFolder(join(directory, name), data))
  )
  return {
    spec,
    kickstart,
    compiled,
    installFiles: [...scripts(compiled), ...below('files', install)],
    provisionFiles: [...below('first-boot', overlay(shared, firstBoot)), ...below('provision', provision)],
  }
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
