/** The el family: Anaconda, started from a compared ISO or tree, writes the base disk as the appliance's own role says. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { renderPayload } from '../render/appliance.js'
import { elData, renderRole } from '../render/el.js'
import { isIso, mirrored, seenByGuest } from '../spec/mirrored.js'
import type { LoadedAppliance, Spec } from '../spec/types.js'
import { elInstall, elInstallPlaces, layOutServed, oemdrvCommand, renderElInstall } from '../stages/el-install.js'
import { elMedia, elMediaInputs, elMediaStage } from '../stages/el-media.js'
import { installedRpms } from '../stages/installed-rpms.js'
import { hostNeedles } from '../stages/host-needles.js'
import { treeDigest } from '../stages/file-tree.js'
import { askRepositories, wantedPackages, wantsDemoImage } from '../stages/repositories.js'
import type { RepositoryState } from '../stages/repositories.js'
import { childPath } from '../tools/child-env.js'
import { formatCommand } from '../tools/command.js'
import { checkTools, needOf } from '../tools/need.js'
import { environmentProxies } from '../tools/url-secrets.js'
import { keyFacts } from './key-facts.js'
import type { PrepareRequest } from './prepare.js'
import type { DryRunPlaces, DryRunVm, Recipe, RecipeTools } from './recipe.js'
import { packerLines, quote } from './shell-lines.js'

/** Errors: of the kickstart and templates (exit 2), of repositories and keys (2, 4), `tool-missing` (3). */
export async function elRecipe(loaded: LoadedAppliance, { request, versions, run }: RecipeTools): Promise<Recipe> {
  const { spec, directory: folder } = loaded
  const tools = await versions
  const unmirrored = { ...spec, el: { ...spec.el, mirror: '' } }
  await checkTools(['xorriso', 'gpg'].map(file => needOf(file)), childPath(request.env))
  // Where the repositories' copies are asked changes nothing on the disk: the key holds their digests instead.
  const plain = renderRole({ ...loaded, spec: unmirrored }, spec.kickstart).kickstart
  const { kickstart } = renderRole(loaded, spec.kickstart, { seen: seenByGuest })
  const template = await readFile(join(request.templates, 'packer/anaconda.json.hbs'), 'utf8')
  const wanted = { packages: wantedPackages(plain), demoImage: wantsDemoImage(plain, spec.el) }
  const asked = { spec, ...wanted, stateDirectory: request.state, offline: request.offline, signal: request.signal }
  const states = await askRepositories(asked, run)
  const cache = join(request.state, 'installer')
  const input = (media: string) => ({ spec, media, kickstart })
  return {
    mediaInputs: elMediaInputs(spec),
    installInputs: {
      packer: renderElInstall(template, { ...keyFacts(unmirrored, tools), media: '/media', stage2: '' }),
      kickstart: treeDigest([{ path: `${spec.name}.ks`, mode: 0o644, content: Buffer.from(plain) }]),
      repositories: Object.fromEntries(states.map(({ id, sha256 }) => [id, sha256])),
      tools: { packer: tools.packer, qemu: tools.qemu },
    },
    provisionFiles: await renderPayload(folder, elData(unmirrored)),
    sourceDateEpoch: Math.max(0, ...states.map(({ revision }) => revision)),
    packageSources: states.map(sourceOf),
    forbidden: forbiddenOf(spec, request.env),
    media: async (context, directory) => void (await elMediaStage({ spec, cache }, context, directory)),
    install: async (media, context, directory) => void (await elInstall(input(media), template, context, directory)),
    rpmKeys: Object.values(spec.el.keys).map(({ fingerprint }) => fingerprint),
    packagesOf: installedRpms,
    mediaLines: async directory => mediaLines(spec, directory),
    installLines: (places, vm) => installLines({ spec, kickstart, template, places, vm }),
  }
}

function sourceOf({ id, url, revision, sha256 }: RepositoryState) {
  return { url, suite: id, date: new Date(revision * 1000).toISOString(), ...(sha256 === '' ? {} : { sha256 }) }
}

/** A mirror of the user's, and the proxies; the addresses of the spec are the image's own. */
function forbiddenOf({ el }: Spec, env: PrepareRequest['env']) {
  return hostNeedles({ mirrors: el.mirror === '' ? [] : [el.mirror], proxies: environmentProxies(env), logins: [], imageSources: [] })
}

function mediaLines(spec: Spec, directory: string): readonly string[] {
  const { el } = spec
  const source = mirrored(el.installerUrl, el.mirror)
  const media = elMedia(directory)
  const compare = (file: string) => `echo ${quote(`${el.installerSha256}  ${file}`)} | sha256sum --check --quiet`
  if (!isIso(el)) return treeLines(source.replace(/\/*$/, '/'), directory, compare)
  const local = /^(?:\/|file:)/.test(source)
  const path = source.replace(/^file:\/\//, '')
  return [
    formatCommand(local ? ['cp', '--reflink=auto', path, media.iso] : ['curl', '--fail', '--location', '--output', media.iso, source]),
    compare(media.iso),
    ...Object.entries({ 'images/pxeboot/vmlinuz': media.kernel, 'images/pxeboot/initrd.img': media.initrd }).map(([inside, outside]) =>
      formatCommand(['xorriso', '-osirrox', 'on', '-indev', media.iso, '-extract', `/${inside}`, outside])
    ),
  ]
}

/** Which files those are, and their checksums, stands in .treeinfo: the shell reads it, as the stage does. */
function treeLines(tree: string, directory: string, compare: (file: string) => string): readonly string[] {
  const media = elMedia(directory)
  const info = join(media.served, '.treeinfo')
  const fetch = (path: string, to: string) => `curl --fail --location --create-dirs --output ${to} ${path}`
  const named = (name: string, section: string, keys: string) =>
    `${name}=$(sed -n '/^\\[${section}\\]/,/^\\[/s/^\\(${keys}\\) *= *//p' ${quote(info)} | head -n 1)`
  const held = (path: string, to: string) =>
    `echo "$(sed -n "s|^${path} *= *sha256:||p" ${quote(info)})  "${to} | sha256sum --check --quiet`
  const got = (path: string, to: string) => [fetch(`${quote(tree)}"${path}"`, to), held(path, to)]
  return [
    fetch(quote(`${tree}.treeinfo`), quote(info)),
    compare(info),
    named('kernel', 'images-x86_64', 'kernel'),
    ...got('$kernel', quote(media.kernel)),
    named('initrd', 'images-x86_64', 'initrd'),
    ...got('$initrd', quote(media.initrd)),
    named('stage2', 'stage2', 'mainimage\\|instimage'),
    ...got('$stage2', `${quote(`${media.served}/`)}"$stage2"`),
    ...got('repodata/repomd.xml', quote(join(directory, 'repomd.xml'))),
  ]
}

interface InstallDryRun {
  readonly spec: Spec
  readonly kickstart: string
  readonly template: string
  readonly places: DryRunPlaces
  readonly vm: DryRunVm
}

async function installLines({ spec, kickstart, template, places, vm }: InstallDryRun): Promise<readonly string[]> {
  const directory = places.install
  const own = elInstallPlaces(directory)
  await layOutServed({ spec, media: places.media, kickstart }, own)
  const json = join(directory, 'install.json')
  // Not fetched yet: where every tree of RHEL 6 has it. Later ones are asked for the folder alone.
  const stage2 = await readFile(elMedia(places.media).stage2Name, 'utf8').catch(() => 'images/install.img')
  await writeFile(json, renderElInstall(template, { spec, media: places.media, stage2, directory, ...vm }))
  const disk = spec.el.kickstartBy === 'disk' ? [formatCommand(oemdrvCommand(own))] : []
  // The installer's own system of a tree is served from here, and is not there yet.
  const served = isIso(spec.el) ? [] : [formatCommand(['cp', '--recursive', '--link', '--force', `${elMedia(places.media).served}/.`, own.served])]
  return [...disk, ...served, ...packerLines(directory, json)]
}
