/** All packages that an el installer fetches, their keys and the demo image, in a folder for its medium: then it needs no network. */
import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { join, posix } from 'node:path'
import { bundleForeign, bundleIncomplete, demoImageChanged, demoImageUnreachable, keyUnreachable } from '../errors/anaconda.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { mirrored } from '../spec/mirrored.js'
import type { ElSpec, Spec } from '../spec/types.js'
import { sha256File } from '../tools/checksum.js'
import type { Command } from '../tools/command.js'
import { getFile } from '../tools/get-file.js'
import { extractFromIso, packagesOnIso } from './installer-medium.js'
import { compareKey } from './repositories.js'
import type { StageContext } from './types.js'

export interface BundleRequest {
  readonly spec: Pick<Spec, 'el' | 'release'>
  /** Names that the kickstarts of all roles install. */
  readonly packages: readonly string[]
  /** The compared boot ISO: keys that come with the minimal system lie on it, too. */
  readonly medium: string
}

/** Where the installed system sees the medium while %post runs, and the bundle on it. */
const onMedium = '/mnt/evc-medium/evc/bundle'

/**
 * An address of the spec, as an installer with a bundle finds it: all repositories are the one on the medium. Every
 * other address stays. Pure.
 */
export function seenInBundle({ repositories, keys, demoImageUrl, mirror }: ElSpec): (address: string) => string {
  const places = new Map<string, string>([
    ...Object.values(repositories).map(({ url }) => [mirrored(url, mirror), `file://${onMedium}/packages/`] as const),
    ...Object.entries(keys).filter(([, { url }]) => fetched(url)).map(([name, { url }]) => [mirrored(url, mirror), `file://${onMedium}/keys/${name}`] as const),
    ...(demoImageUrl !== '' ? [[mirrored(demoImageUrl, mirror), `file://${onMedium}/demo-image`] as const] : []),
  ])
  return address => places.get(address) ?? address
}

function fetched(address: string): boolean {
  return /^https?:/.test(address)
}

/**
 * Fills `directory` with packages/ (and its index), keys/ and demo-image. Keys with an address must have been compared
 * before (`askRepositories`). Errors: `bundle-incomplete`, `bundle-foreign`, `key-unreachable`,
 * `demo-image-unreachable` (exit 4), `demo-image-changed`, `installer-foreign`, `key-wrong` (2), those of Run.
 */
export async function makeBundle(request: BundleRequest, context: StageContext, directory: string): Promise<void> {
  const place = (name: string) => join(directory, name)
  await Promise.all(['packages', 'keys'].map(name => mkdir(place(name), { recursive: true })))
  const scratch = place('scratch')
  await mkdir(scratch)
  try {
    await fetchKeys(request, context, place('keys'))
    context.progress(`downloading ${request.packages.length} packages and what they need`)
    await download(request, context, { scratch, packages: place('packages') })
    await downloadUpdates(request, context, { scratch, packages: place('packages') })
    await checkSignatures(context, { scratch, packages: place('packages'), keys: place('keys') })
    await context.run(['createrepo_c', '--quiet', '--simple-md-filenames', place('packages')], { reason: "make the bundle's index" })
    await fetchDemoImage(request.spec.el, context, place('demo-image'))
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

async function fetchKeys({ spec, medium }: BundleRequest, { run, signal }: StageContext, folder: string): Promise<void> {
  const { keys, mirror } = spec.el
  for (const [name, { url, fingerprint: wanted }] of Object.entries(keys)) {
    const [address, path] = [mirrored(url, mirror), join(folder, name)]
    if (fetched(address)) {
      await getFile(address, path, { signal, failed: reason => keyUnreachable(name, address, reason) })
    } else {
      const inside = `/${posix.basename(address)}`
      await extractFromIso({ path: medium }, { [inside]: path }, run)
      await compareKey({ name, address: `${medium}:${inside}`, key: await readFile(path), wanted }, run, folder)
    }
  }
}

interface DownloadPlaces {
  readonly scratch: string
  readonly packages: string
}

/**
 * dnf resolves for an empty system, so that nothing is taken for installed that the medium's own system may lack.
 * @param lenient what no repository has, and what does not fit the others, is left out
 */
export function downloadCommand({ spec, packages }: Pick<BundleRequest, 'spec' | 'packages'>, places: DownloadPlaces, lenient = false): Command {
  return [
    'dnf', '--assumeyes', '--quiet', '--nodocs', `--installroot=${join(places.scratch, 'root')}`, `--releasever=${spec.release.split('.')[0]}`,
    '--forcearch=x86_64', `--setopt=reposdir=${join(places.scratch, 'repositories')}`, `--setopt=cachedir=${join(places.scratch, 'cache')}`,
    '--setopt=install_weak_deps=False', '--setopt=module_platform_id=platform:el7', '--setopt=pluginpath=/nonexistent',
    ...(lenient ? ['--setopt=strict=0'] : []), 'install', '--downloadonly', `--destdir=${places.packages}`, ...packages,
  ]
}

async function download(request: BundleRequest, context: StageContext, places: DownloadPlaces): Promise<void> {
  const { el } = request.spec
  await Promise.all(['root', 'repositories', 'cache'].map(name => mkdir(join(places.scratch, name), { recursive: true })))
  const sections = Object.entries(el.repositories).map(([id, { url }]) =>
    // Signatures are checked afterwards, against the keys of the spec alone.
    `[${id}]\nname=${id}\nbaseurl=${mirrored(url, el.mirror)}\nenabled=1\ngpgcheck=0\nskip_if_unavailable=0\n`
  )
  await writeFile(join(places.scratch, 'repositories/bundle.repo'), sections.join('\n'))
  try {
    await context.run(downloadCommand(request, places), { reason: 'download packages for the medium' })
  } catch (error) {
    if (!(error instanceof PipelineError) || error.code !== 'tool-failed') throw error
    throw bundleIncomplete(error.details, error)
  }
}

/**
 * What the repositories have newer of the medium's own packages, and what that needs: the kickstart updates them all, and
 * one that stays behind holds those back that want its very version. After `download`, which has written the lists.
 */
async function downloadUpdates({ spec, packages, medium }: BundleRequest, { run, progress }: StageContext, places: DownloadPlaces): Promise<void> {
  const own = await packagesOnIso(medium, run)
  if (own.length === 0) return
  progress(`downloading what is newer of the medium's ${own.length} packages`)
  // With those of the kickstarts, one of which is found for certain: dnf fails when it finds none at all.
  const all = [...new Set([...packages, ...own])].sort()
  await run(downloadCommand({ spec, packages: all }, places, true), { reason: "download updates of the medium's packages" })
}

/** With rpm's own tools and a list of keys that holds only ours: digests and signatures of every package. */
async function checkSignatures({ run }: StageContext, places: DownloadPlaces & { readonly keys: string }): Promise<void> {
  const database = ['rpmkeys', '--dbpath', join(places.scratch, 'rpm')] as const
  for (const key of await readdir(places.keys)) await run([...database, '--import', join(places.keys, key)], { reason: 'check signatures' })
  const files = (await readdir(places.packages)).filter(name => name.endsWith('.rpm')).map(name => join(places.packages, name))
  const { stdout } = await run([...database, '--checksig', ...files], { okCodes: [0, 1], reason: 'check signatures' })
  const wrong = stdout.split('\n').filter(line => line !== '' && !/: digests signatures OK$/.test(line))
  if (wrong.length > 0) throw bundleForeign(wrong.map(line => line.replace(`${places.packages}/`, '')))
}

async function fetchDemoImage({ demoImageUrl, demoImageSha256, mirror }: ElSpec, { signal }: StageContext, path: string): Promise<void> {
  if (demoImageUrl === '') return
  const address = mirrored(demoImageUrl, mirror)
  await getFile(address, path, { signal, failed: reason => demoImageUnreachable(address, reason) })
  const found = await sha256File(path, signal)
  if (found !== demoImageSha256) throw demoImageChanged(address, demoImageSha256, found)
}
