/** The registry of targets: this folder. Every file beside this one (but types and target-*) is a target. */
import { readdir } from 'node:fs/promises'
import { targetFileWrong, targetNoneChosen, targetUnknown } from '../errors/targets.js'
import type { ExportOptions, PlanInput, Target } from './types.js'

const here = new URL('./', import.meta.url)
const noTarget = /^(?:index|types|target-.*)$/

/** Of an export whose command line says nothing about it. */
export const defaultExportOptions: ExportOptions = { ovaManifest: 'sha256', hypervVhd: false }

/** Names of all targets, sorted; reads the folder only. */
export async function targetNames(folder: URL = here): Promise<readonly string[]> {
  const files = await readdir(folder)
  const names = files.flatMap(file => /^([a-z0-9][a-z0-9-]*)\.[jt]s$/.exec(file)?.[1] ?? [])
  return [...new Set(names)].filter(name => !noTarget.test(name)).sort()
}

/**
 * All targets, sorted by name. Errors: `target-file-wrong` (a bug of ours) when a file does not
 * keep the contract.
 */
export async function loadTargets(folder: URL = here): Promise<readonly Target[]> {
  const names = await targetNames(folder)
  return await Promise.all(names.map(name => loadTarget(name, folder)))
}

/**
 * The named targets in the order of `all`, each once; the name `all` stands for every target.
 * Errors: `target-unknown`, `target-none-chosen` (exit 2).
 */
export function selectTargets(all: readonly Target[], names: readonly string[]): readonly Target[] {
  const known = all.map(target => target.name)
  if (names.length === 0) throw targetNoneChosen(known)
  const unknown = names.find(name => name !== 'all' && !known.includes(name))
  if (unknown !== undefined) throw targetUnknown(unknown, known)
  return names.includes('all') ? all : all.filter(target => names.includes(target.name))
}

/** Room that an export takes at its peak: all planned files, and what it needs besides. */
export function plannedBytes(target: Pick<Target, 'plan' | 'scratchBytes'>, input: PlanInput): number {
  const files = target.plan(input).reduce((sum, { estimatedBytes }) => sum + estimatedBytes, 0)
  return files + (target.scratchBytes?.(input) ?? 0)
}

async function loadTarget(name: string, folder: URL): Promise<Target> {
  // The compiled name also under a loader that runs the TypeScript source: it maps .js to .ts.
  const { default: target } = (await import(new URL(`${name}.js`, folder).href)) as {
    default?: Partial<Target>
  }
  if (!target) throw targetFileWrong(`${name}.ts`, 'has no default export')
  if (target.name !== name) throw targetFileWrong(`${name}.ts`, `names its target "${target.name}"`)
  const missing = (['summary', 'hosts', 'page', 'from', 'tools', 'guest', 'plan', 'export', 'verify'] as const).filter(
    key => target[key] === undefined
  )
  if (missing.length > 0) throw targetFileWrong(`${name}.ts`, `lacks ${missing.join(', ')}`)
  return target as Target
}
