/** Everything a build knows before it runs a stage: rendered files, package list, tool versions, keys, version. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run } from '../tools/command.js'
import { chunkCutter } from '../tools/chunk-index.js'
import { askVersions } from '../tools/versions.js'
import type { ToolVersions } from '../tools/versions.js'
import { buildVersion } from '../plan/version.js'
import { requireProvision } from '../render/appliance.js'
import { readFolder } from '../render/files.js'
import { loadAppliance } from '../spec/load.js'
import type { Family, Spec } from '../spec/types.js'
import { loadTargets, selectTargets } from '../targets/index.js'
import { kitTemplates } from '../targets/target-kit.js'
import type { ExportOptions, Target } from '../targets/types.js'
import { treeDigest } from '../stages/file-tree.js'
import { renderProvision, scriptNames } from '../stages/provision.js'
import { mergeGuestNeeds } from '../plan/guest-needs.js'
import type { Json } from '../tools/json.js'
import { debianRecipe } from './debian-recipe.js'
import { elRecipe } from './el-recipe.js'
import { keyFacts } from './key-facts.js'
import { stageKey } from './key.js'
import { writersDigest } from './writers-digest.js'
import type { Recipe } from './recipe.js'

export interface PrepareRequest {
  /** Holds kickstarts/. */
  readonly root: string
  readonly templates: string
  /** What is known of mirrors is kept here. */
  readonly state: string
  readonly appliance: string
  readonly targets: readonly string[]
  readonly set: readonly string[]
  readonly mirror?: string
  readonly offline: boolean
  readonly exportOptions: ExportOptions
  /** Of the programs that are run: proxies count. */
  readonly env: Readonly<Record<string, string | undefined>>
  /** The folder of this program's own modules; its writers' code counts for what they wrote. @default where it runs from */
  readonly program?: URL
  readonly signal: AbortSignal
  /** --version */
  readonly version?: string
}

export interface StageInputs {
  readonly key: string
  /** What the key is the hash of: kept with the result, so that a change can be named. */
  readonly inputs: Json
}

export interface PreparedBuild {
  readonly spec: Spec
  /** What its family does in its own way. */
  readonly recipe: Recipe
  readonly targets: readonly Target[]
  readonly allTargets: readonly Target[]
  readonly templates: { readonly provision: string }
  readonly tools: ToolVersions
  readonly stages: Readonly<Record<'media' | 'install' | 'provision' | 'audit', StageInputs>>
  readonly exportOptions: ExportOptions
  readonly exportKeys: Readonly<Record<string, string>>
  readonly version: string
  readonly specHash: string
}

const recipes: Readonly<Record<Family, typeof debianRecipe>> = { debian: debianRecipe, el: elRecipe }

/** Errors: of the spec, kickstart and templates (exit 2), missing tools (3), an unreachable mirror or repository (4). */
export async function prepareBuild(request: PrepareRequest, run: Run): Promise<PreparedBuild> {
  const allTargets = await loadTargets()
  const targets = selectTargets(allTargets, request.targets)
  const { root, appliance: name, set } = request
  const loaded = await loadAppliance({ root, name, set, knownTargets: allTargets.map(target => target.name) })
  const { spec } = loaded
  const templates = { provision: await readFile(join(request.templates, 'packer/provision.json.hbs'), 'utf8') }
  // Asked while the recipe asks its mirror: both only wait for programs.
  const versions = askVersions(run)
  // A recipe that fails first tells its own error.
  versions.catch(() => {})
  const recipe = await recipes[spec.family](loaded, { request, versions, run, guestPackages: mergeGuestNeeds(allTargets, spec).packages })
  requireProvision(recipe.provisionFiles, loaded.directory)
  const tools = await versions
  const facts = { spec, recipe, templates, tools, allTargets }
  const stages = stageInputs(facts)
  const described = stageKey({ golden: stages.audit.key, spec: describedIn(spec) })
  const made = { writers: await writersDigest(request.program), programs: programsOf(tools) }
  const rendered = await renderedFrom(request.templates, allTargets)
  // A version is published once: files that may be others have another one, whatever targets were chosen.
  const key = stageKey({ described, ...made, rendered, chunks: chunkCutter })
  const version = request.version ?? buildVersion({ specVersion: spec.version, sourceDateEpoch: recipe.sourceDateEpoch, key })
  const { exportOptions } = request
  const exportFacts = { described, version, options: exportOptions, ...made }
  const exportKeys = keysOfExports(targets, rendered, exportFacts)
  return { ...facts, targets, stages, exportOptions, exportKeys, version, specHash: specHash(spec) }
}

/** Of the manifest: equal when every file of a release is, so that what an export keeps is what its keys say. */
export function specHash(spec: Spec): string {
  return stageKey(describedIn(spec))
}

/** What descriptors and instructions may name of the spec: memory and title are in them and in no stage before. */
function describedIn({ timeouts: _, ...spec }: Spec): Json {
  // Where copies of addresses were asked is no word of theirs.
  return JSON.parse(JSON.stringify({ ...spec, el: { ...spec.el, mirror: '' } })) as Json
}

type KeyFacts = Pick<PreparedBuild, 'spec' | 'recipe' | 'templates' | 'tools' | 'allTargets'>

/**
 * Each stage's inputs hold the key of the stage before it. What the audit looks for is no input: a stored disk brings
 * along what its own build must not have left, and a mirror that is asked later cannot be on it.
 */
function stageInputs({ spec, recipe, templates, tools, allTargets }: KeyFacts): PreparedBuild['stages'] {
  const media = withKey(recipe.mediaInputs)
  const install = withKey({ media: media.key, ...recipe.installInputs })
  const provision = withKey({
    install: install.key,
    packer: renderProvision(templates.provision, {
      ...keyFacts(spec, tools),
      base: '/base',
      payload: '/payload',
      privateKey: '/key',
      publicKey: 'key',
      scripts: scriptNames(recipe.provisionFiles),
    }),
    files: treeDigest(recipe.provisionFiles),
    tools: { packer: tools.packer, qemu: tools.qemu },
  })
  const needs = mergeGuestNeeds(allTargets, spec)
  const audit = withKey({
    provision: provision.key,
    needs: { ...needs, devices: needs.devices.map(device => ({ ...device })) },
    ...(recipe.rpmKeys ? { rpmKeys: [...recipe.rpmKeys] } : {}),
  })
  return { media, install, provision, audit }
}

function withKey(inputs: Json): StageInputs {
  return { key: stageKey(inputs), inputs }
}

interface ExportFacts {
  readonly described: string
  readonly version: string
  readonly options: ExportOptions
  readonly writers: string
  /** What decides about the bytes of an export besides: who makes formats and who compresses. */
  readonly programs: Json
}

function programsOf(tools: ToolVersions): Json {
  return { qemuImg: tools['qemu-img'], e2fsprogs: tools.e2fsprogs, zstd: tools.zstd, zlib: process.versions.zlib ?? '' }
}

type Digests = Readonly<Record<string, Readonly<Record<string, string>>>>

/** By folder in templates/: the digests of the files that targets render from. */
async function renderedFrom(templates: string, targets: readonly Target[]): Promise<Digests> {
  const folders = new Set([kitTemplates, ...targets.flatMap(({ name, templates: others = [] }) => [name, ...others])])
  return Object.fromEntries(await Promise.all([...folders].map(async folder => [folder, treeDigest(await readFolder(join(templates, folder)))] as const)))
}

function keysOfExports(targets: readonly Target[], rendered: Digests, facts: ExportFacts): Record<string, string> {
  const entries = targets.map(({ name, templates: others = [], heeds = [] }) => {
    const files = Object.fromEntries([name, kitTemplates, ...others].map(folder => [folder, rendered[folder] ?? {}]))
    const options = Object.fromEntries(heeds.map(option => [option, facts.options[option]]))
    return [name, stageKey({ ...facts, options, target: name, files })] as const
  })
  return Object.fromEntries(entries)
}
