/** Everything a build knows before it runs a stage: rendered files, package list, tool versions, keys, version. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run } from '../tools/command.js'
import { askVersions } from '../tools/versions.js'
import type { ToolVersions } from '../tools/versions.js'
import { buildVersion } from '../plan/version.js'
import { renderAppliance } from '../render/appliance.js'
import type { RenderedAppliance } from '../render/appliance.js'
import { readFolder } from '../render/files.js'
import { familyUnbuilt } from '../errors/spec.js'
import { loadAppliance } from '../spec/load.js'
import type { Spec } from '../spec/types.js'
import { loadTargets, selectTargets } from '../targets/index.js'
import type { ExportOptions, Target } from '../targets/types.js'
import { treeDigest } from '../stages/file-tree.js'
import { renderInstall } from '../stages/install.js'
import { renderProvision, scriptNames } from '../stages/provision.js'
import { mediaInputs } from '../stages/media.js'
import { mergeGuestNeeds } from '../plan/guest-needs.js'
import { resolvePackages } from '../stages/packages.js'
import type { PackageSet } from '../stages/packages.js'
import type { Json } from '../tools/json.js'
import { stageKey } from './key.js'

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
  readonly rendered: RenderedAppliance
  readonly targets: readonly Target[]
  readonly allTargets: readonly Target[]
  readonly templates: { readonly install: string; readonly provision: string }
  readonly tools: ToolVersions
  readonly packages: PackageSet
  readonly mediaHooks: Record<string, string>
  readonly stages: Readonly<Record<'media' | 'install' | 'provision' | 'audit', StageInputs>>
  readonly exportOptions: ExportOptions
  readonly exportKeys: Readonly<Record<string, string>>
  readonly version: string
  readonly specHash: string
}

/** Errors: of the spec, kickstart and templates (exit 2), missing tools (3), an unreachable mirror (4). */
export async function prepareBuild(request: PrepareRequest, run: Run): Promise<PreparedBuild> {
  const allTargets = await loadTargets()
  const targets = selectTargets(allTargets, request.targets)
  const { root, appliance: name, set } = request
  const loaded = await loadAppliance({ root, name, set, knownTargets: allTargets.map(target => target.name) })
  if (loaded.spec.family !== 'debian') throw familyUnbuilt(name, loaded.spec.family)
  const rendered = await renderAppliance(loaded)
  const [install, provision] = await Promise.all(
    ['install', 'provision'].map(stage => readFile(join(request.templates, `packer/${stage}.json.hbs`), 'utf8'))
  )
  const templates = { install: install ?? '', provision: provision ?? '' }
  const { spec } = loaded
  const asked = {
    spec,
    include: rendered.compiled.packages.include,
    stateDirectory: request.state,
    offline: request.offline,
    env: request.env,
    ...(request.mirror ? { mirror: request.mirror } : {}),
  }
  // Side by side, for both only wait for programs: half of what an unchanged build takes.
  const [tools, packages] = await settled(askVersions(run), resolvePackages(asked, run))
  const mediaHooks = treeDigest(await readFolder(join(request.templates, 'media')))
  const facts = { spec, rendered, templates, tools, packages, allTargets, mediaHooks }
  const stages = stageInputs(facts)
  const described = stageKey({ golden: stages.audit.key, spec: describedIn(spec) })
  const version =
    request.version ??
    buildVersion({ specVersion: spec.version, sourceDateEpoch: packages.sourceDateEpoch, key: described })
  const { exportOptions } = request
  const exportFacts = { described, version, tools, options: exportOptions }
  const exportKeys = await keysOfExports(request.templates, targets, exportFacts)
  return { ...facts, targets, stages, exportOptions, exportKeys, version, specHash: specHash(spec) }
}

/** Both, or the first one's error: when it is told, nothing of the other one runs any more. */
async function settled<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other])
  return [await one, await other]
}

/** Of the manifest: equal when every file of a release is, so that what an export keeps is what its keys say. */
export function specHash(spec: Spec): string {
  return stageKey(describedIn(spec))
}

/** What descriptors and instructions may name of the spec: memory and title are in them and in no stage before. */
function describedIn({ timeouts: _, ...spec }: Spec): Json {
  return JSON.parse(JSON.stringify(spec)) as Json
}

type KeyFacts = Pick<PreparedBuild, 'spec' | 'rendered' | 'templates' | 'tools' | 'packages' | 'allTargets' | 'mediaHooks'>

/**
 * Each stage's inputs hold the key of the stage before it. Packer's JSON counts as rendered with fixed paths,
 * and without acceleration: neither changes what is written to the disk.
 */
function stageInputs(facts: KeyFacts): PreparedBuild['stages'] {
  const { spec, rendered, templates, tools } = facts
  const neutral = {
    spec,
    directory: '/stage',
    serialLog: '/log',
    qemuBinary: 'qemu',
    acceleration: { kind: 'kvm', reason: '', qemuVersion: tools.qemu, timeoutFactor: 1 },
  } as const
  const { include } = rendered.compiled.packages
  const media = withKey(mediaInputs({ spec, packages: facts.packages, include, hooks: facts.mediaHooks, tools }))
  const install = withKey({
    media: media.key,
    packer: renderInstall(templates.install, {
      ...neutral,
      media: { root: '/media/root', kernel: '/media/kernel', initrd: '/media/initrd' },
      kickstartImage: '/kickstart',
    }),
    files: treeDigest(rendered.installFiles),
    tools: { packer: tools.packer, qemu: tools.qemu, e2fsprogs: tools.e2fsprogs },
  })
  const provision = withKey({
    install: install.key,
    packer: renderProvision(templates.provision, {
      ...neutral,
      base: '/base',
      payload: '/payload',
      privateKey: '/key',
      publicKey: 'key',
      scripts: scriptNames(rendered.provisionFiles),
    }),
    files: treeDigest(rendered.provisionFiles),
    tools: { packer: tools.packer, qemu: tools.qemu },
  })
  const needs = mergeGuestNeeds(facts.allTargets, spec)
  const audit = withKey({
    provision: provision.key,
    needs: { ...needs, devices: needs.devices.map(device => ({ ...device })) },
    // What kind of things are looked for; how many hosts a mirror has is no input.
    forbidden: [...new Set(facts.packages.forbidden.map(needle => needle.name))].sort(),
  })
  return { media, install, provision, audit }
}

function withKey(inputs: Json): StageInputs {
  return { key: stageKey(inputs), inputs }
}

async function keysOfExports(
  templates: string,
  targets: readonly Target[],
  facts: { readonly described: string; readonly version: string; readonly tools: ToolVersions; readonly options: ExportOptions }
): Promise<Record<string, string>> {
  const entries = await Promise.all(
    targets.map(async ({ name, templates: others = [] }) => {
      const folders = await Promise.all([name, ...others].map(async folder => [folder, treeDigest(await readFolder(join(templates, folder)))] as const))
      const files = Object.fromEntries(folders)
      const qemuImg = facts.tools['qemu-img']
      const { described, version } = facts
      const options = { ...facts.options }
      return [name, stageKey({ described, version, options, target: name, files, qemuImg })] as const
    })
  )
  return Object.fromEntries(entries)
}
