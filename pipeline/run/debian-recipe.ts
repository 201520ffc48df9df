/** The debian family: a bootstrap is what the builder VM boots, and in it the compiled kickstart writes the base disk. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Run } from '../tools/command.js'
import { formatCommand } from '../tools/command.js'
import { packagesNotAsked } from '../errors/kickstart.js'
import { renderAppliance } from '../render/appliance.js'
import type { RenderedAppliance } from '../render/appliance.js'
import { readFolder } from '../render/files.js'
import type { LoadedAppliance } from '../spec/types.js'
import { packExt4, treeDigest, writeTree } from '../stages/file-tree.js'
import { install, renderInstall } from '../stages/install.js'
import { bootstrapCommand, media, mediaInputs, mediaResult, packCommand, writeBootstrapFiles } from '../stages/media.js'
import type { MediaInput } from '../stages/media.js'
import { resolvePackages } from '../stages/packages.js'
import { keyFacts } from './key-facts.js'
import type { DryRunPlaces, DryRunVm, Recipe, RecipeTools } from './recipe.js'
import { assignments, packerLines, quote } from './shell-lines.js'

/** Errors: of the kickstart and templates (exit 2), an unreachable mirror (4). */
export async function debianRecipe(loaded: LoadedAppliance, { request, versions, run, guestPackages }: RecipeTools): Promise<Recipe> {
  const { spec } = loaded
  const rendered = await renderAppliance(loaded)
  const { include, exclude } = rendered.compiled.packages
  const template = await readFile(join(request.templates, 'packer/install.json.hbs'), 'utf8')
  const asked = { spec, include, stateDirectory: request.state, offline: request.offline, env: request.env }
  const [tools, packages] = await settled(versions, resolvePackages({ ...asked, ...(request.mirror ? { mirror: request.mirror } : {}) }, run))
  requirePackages(loaded, { installed: packages.packages, wanted: [...guestPackages, sshServer] })
  const hooks = join(request.templates, 'media')
  const input: MediaInput = { spec, packages, include, exclude, hooks }
  return {
    mediaInputs: mediaInputs({ spec, packages, include, hooks: treeDigest(await readFolder(hooks)), tools }),
    installInputs: {
      packer: renderInstall(template, {
        ...keyFacts(spec, tools),
        media: { root: '/media/root', kernel: '/media/kernel', initrd: '/media/initrd' },
        kickstartImage: '/kickstart',
      }),
      files: treeDigest(rendered.installFiles),
      tools: { packer: tools.packer, qemu: tools.qemu, e2fsprogs: tools.e2fsprogs },
    },
    provisionFiles: rendered.provisionFiles,
    sourceDateEpoch: packages.sourceDateEpoch,
    packageSources: packages.sources,
    forbidden: packages.forbidden,
    media: async (context, directory) => void (await media(input, context, directory)),
    install: async (from, context, directory) => {
      await install({ spec, media: mediaResult(from), files: rendered.installFiles }, template, context, directory)
    },
    packagesOf: async () => ({ packages: packages.packages }),
    mediaLines: directory => mediaLines(input, directory),
    installLines: (places, vm, recording) => installLines({ rendered, template, places, vm }, recording),
  }
}

/** Provision comes by it. */
const sshServer = 'openssh-server'

/** The audit holds the disk to them, but after the whole installation. Errors: `packages-not-asked` (exit 2). */
function requirePackages(
  { directory, spec }: LoadedAppliance,
  { installed, wanted }: { readonly installed: readonly string[]; readonly wanted: readonly string[] }
): void {
  const names = new Set(installed.map(each => each.split('=')[0]))
  const missing = [...new Set(wanted)].filter(name => !names.has(name)).sort()
  if (missing.length > 0) throw packagesNotAsked(join(directory, spec.kickstart), missing)
}

/** Both, or the first one's error: when it is told, nothing of the other one runs any more. */
async function settled<A, B>(one: Promise<A>, other: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([one, other])
  return [await one, await other]
}

async function mediaLines(input: MediaInput, directory: string): Promise<readonly string[]> {
  await writeBootstrapFiles(input, directory)
  const env = { SOURCE_DATE_EPOCH: String(input.packages.sourceDateEpoch), PIPELINE_MEDIA: directory }
  const { root, kernel, initrd } = mediaResult(directory)
  const list = formatCommand(['rdsquashfs', '-l', '/boot', root])
  const unpack = (start: string, to: string) =>
    `rdsquashfs -c "/boot/$(${list} | grep -o '${start}-[^ ]*' | head -n 1)" ${quote(root)} >${quote(to)}`
  return [
    `${assignments(env)} ${formatCommand(bootstrapCommand(input, directory))} | ${formatCommand(packCommand(root))}`,
    unpack('vmlinuz', kernel),
    unpack('initrd\\.img', initrd),
  ]
}

interface InstallDryRun {
  readonly rendered: RenderedAppliance
  readonly template: string
  readonly places: DryRunPlaces
  readonly vm: DryRunVm
}

/** `run` is asked only for what the kickstart disk needs; its lines are taken from it by the caller. */
async function installLines({ rendered, template, places, vm }: InstallDryRun, run: Run): Promise<readonly string[]> {
  const { spec, installFiles: files } = rendered
  const directory = places.install
  const [tree, image] = [join(directory, 'kickstart'), join(directory, 'kickstart.img')]
  await writeTree(tree, files)
  await packExt4({ directory: tree, files, image }, run)
  const json = join(directory, 'install.json')
  await writeFile(json, renderInstall(template, { spec, media: mediaResult(places.media), kickstartImage: image, directory, ...vm }))
  return packerLines(directory, json)
}
