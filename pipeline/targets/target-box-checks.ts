/** Has Vagrant add each box by the catalog, as a person does, and looks at the disk that is in Vagrant's folder then. */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { markerPatches } from '../images/marker.js'
import { parseJson } from '../tools/json.js'
import type { Json } from '../tools/json.js'
import { askedBoxFiles, boxDisks } from './target-box-descriptors.js'
import { boxName, boxVersion, catalogBoxName, catalogName, providers } from './target-boxes.js'
import type { Provider } from './target-boxes.js'
import { checkContent, joinVerdicts, lastLine, notCompared } from './target-checks.js'
import type { Verdict } from './target-checks.js'
import { checkDescriptor, checkPacked } from './target-descriptors.js'
import { withScratch } from './target-scratch.js'
import { makeMarkedOverlay, markerFile } from './target-vagrant.js'
import type { DiskFile, TargetDeps, VerifyInput } from './types.js'

/** The golden disk and the marker as a raw file. */
export async function withMarkedDisk(
  input: VerifyInput & { readonly goldenDisk: DiskFile },
  deps: TargetDeps,
  use: (marked: DiskFile, scratch: string) => Promise<Verdict>
): Promise<Verdict> {
  return await withScratch(input.directory, 'vagrant', async scratch => {
    const [overlay, path] = [join(scratch, 'overlay.qcow2'), join(scratch, 'marked.raw')]
    const patches = await markerPatches({ disk: input.goldenDisk.path, file: markerFile, scratch: join(scratch, 'marker'), run: deps.run })
    await makeMarkedOverlay({ goldenDisk: input.goldenDisk, overlay, patches, scratch }, deps)
    await deps.run(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', '--', overlay, path], { reason: 'verify vagrant' })
    return await use({ path, format: 'raw' }, scratch)
  })
}

interface Catalog {
  readonly name: string
  readonly versions: readonly { readonly version: string; readonly providers: readonly { readonly name: string; readonly url: string }[] }[]
}

export async function checkBoxes(input: VerifyInput, deps: TargetDeps): Promise<Verdict> {
  const { goldenDisk } = input
  const text = await readFile(join(input.directory, catalogName(input)), 'utf8')
  const listed = checkCatalog(text, input)
  if ('problems' in listed) return listed
  const check = async (scratch: string, marked?: DiskFile): Promise<Verdict> => {
    const catalog = join(scratch, 'catalog.json')
    await writeFile(catalog, withPlaces(JSON.parse(text) as Catalog, input.directory))
    for (const provider of providers) {
      const verdict = await checkBox({ provider, scratch, catalog, input: { ...input, ...(marked ? { goldenDisk: marked } : {}) } }, deps)
      if ('problems' in verdict) return verdict
    }
    const added = `${providers.join(', ')}: machines as asked for`
    return marked ? { found: `${added}, disks identical to the golden disk and the marker` } : joinVerdicts(catalogName(input), [{ found: added }, notCompared])
  }
  if (goldenDisk) return await withMarkedDisk({ ...input, goldenDisk }, deps, (marked, scratch) => check(scratch, marked))
  return await withScratch(input.directory, 'vagrant', scratch => check(scratch))
}

/** Name and version are Vagrant's to take as they are, so that it would not miss the right ones. */
function checkCatalog(text: string, input: VerifyInput): Verdict {
  const boxes = providers.map(provider => ({ name: provider, url: boxName(input, provider) }))
  const wanted = { name: catalogBoxName(input.spec.name), version: boxVersion(input), boxes }
  return checkDescriptor({ file: catalogName(input), parse: catalogValues, wanted }, text)
}

function catalogValues(text: string, file: string): ReadonlyMap<string, unknown> {
  const catalog = parseJson(text, file) as Json & Partial<Catalog>
  const [first, ...more] = catalog?.versions ?? []
  const boxes = first?.providers?.map(({ name, url }) => ({ name, url }))
  return new Map<string, unknown>([['name', catalog?.name], ['version', more.length > 0 ? 'several' : first?.version], ['boxes', boxes]])
}

/** The catalog names its boxes by their file names; Vagrant wants whole addresses. */
function withPlaces(catalog: Catalog, directory: string): string {
  const placed = (url: string) => pathToFileURL(join(directory, url)).href
  const versions = catalog.versions.map(version => ({ ...version, providers: version.providers.map(box => ({ ...box, url: placed(box.url) })) }))
  return JSON.stringify({ ...catalog, versions })
}

interface BoxCheck {
  readonly provider: Provider
  readonly scratch: string
  /** Path of the catalog with whole addresses. */
  readonly catalog: string
  readonly input: VerifyInput
}

/** Vagrant holds the box to the catalog's digest and unpacks it where it keeps its own; the disk there is thrown away before the next. */
async function checkBox({ provider, scratch, catalog, input }: BoxCheck, deps: TargetDeps): Promise<Verdict> {
  const file = boxName(input, provider)
  const home = join(scratch, provider)
  await mkdir(home)
  const env = { VAGRANT_HOME: home, VAGRANT_NO_PLUGINS: '1', VAGRANT_CHECKPOINT_DISABLE: '1', HOME: home }
  const command = ['vagrant', 'box', 'add', '--provider', provider, pathToFileURL(catalog).href] as const
  const added = await deps.run(command, { okCodes: Array.from({ length: 126 }, (_, code) => code), reason: 'verify vagrant', env })
  if (added.exitCode !== 0) return { file, problems: [`is refused by vagrant, by way of ${catalogName(input)}: ${firstSentence(added.stderr)}`] }
  const folder = await boxFolder(provider, home, input)
  if (folder === undefined) return { file, problems: [`is added by vagrant, and lies in none of its folders of ${catalogBoxName(input.spec.name)} ${boxVersion(input)}`] }
  const described = await checkBoxFiles(file, { provider, folder }, input)
  if ('problems' in described) return described
  const { member, format } = boxDisks[provider]
  const raw = join(home, 'disk.raw')
  const { exitCode, stderr } = await deps.run(['qemu-img', 'convert', '-f', format, '-O', 'raw', '--', join(folder, member), raw], { okCodes: [0, 1], reason: 'verify vagrant' })
  if (exitCode !== 0) return { file, problems: [`holds no disk that can be read: ${lastLine(stderr)}`] }
  const compared = await checkContent('vagrant', { file, image: { path: raw, format: 'raw' } }, [input, deps])
  await deps.run(['rm', '-rf', '--', home], { reason: 'verify vagrant' })
  return compared
}

/** Vagrant 2.4 and newer puts a box with an architecture one folder deeper: `<version>/amd64/<provider>`. */
async function boxFolder(provider: Provider, home: string, input: VerifyInput): Promise<string | undefined> {
  const version = join(home, 'boxes', catalogBoxName(input.spec.name).replace('/', '-VAGRANTSLASH-'), boxVersion(input))
  const files = await readdir(version, { recursive: true }).catch(() => [])
  const folders = files.filter(path => basename(path) === 'metadata.json').map(path => join(version, dirname(path)))
  return folders.find(folder => basename(folder) === provider)
}

/** As far as they describe the machine: Vagrant itself looks at the provider alone. */
async function checkBoxFiles(box: string, { provider, folder }: { provider: Provider; folder: string }, input: VerifyInput): Promise<Verdict> {
  const verdicts: Verdict[] = []
  for (const [path, asked] of Object.entries(askedBoxFiles(provider, input))) {
    const text = await readFile(join(folder, path), 'utf8').catch(() => undefined)
    verdicts.push(text === undefined ? { file: box, problems: [`holds no ${path}`] } : checkPacked(box, asked, text))
  }
  return joinVerdicts(box, verdicts)
}

/** Vagrant says what is wrong first and then, over several lines, what one might do. */
function firstSentence(text: string): string {
  return text.trim().split(/\n\n|\.\s/)[0]?.replace(/\s+/g, ' ').replace(/\.$/, '') ?? ''
}
