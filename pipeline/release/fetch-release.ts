/** Downloads the files of one target of a release into a folder laid out as a release: <appliance>-<version>/<target>/... */
import { mkdir, readdir, rm, stat } from 'node:fs/promises'
import { basename, dirname, extname, join } from 'node:path'
import { createHash } from 'node:crypto'
import { outputNotWritable } from '../errors/commands.js'
import { releaseUnverified } from '../errors/fetch.js'
import { PipelineError } from '../errors/pipeline-error.js'
import { targetUnknown } from '../errors/targets.js'
import type { Run } from '../tools/command.js'
import { isOpen, leastIndexedBytes, parseChunkIndex } from '../tools/chunk-index.js'
import type { ChunkIndex } from '../tools/chunk-index.js'
import { deltaSource } from './delta.js'
import type { PublishedFile, ReleaseDocument } from './documents.js'
import { fetchFile } from './fetch-file.js'
import type { FetchDeps, FileRequest, PieceSource } from './fetch-file.js'
import { treeKeys, urlPath } from './tree.js'

export interface ReleaseFetch {
  /** Ends in a slash. */
  readonly base: string
  readonly release: ReleaseDocument
  readonly target: string
  /** Folder that gets `<appliance>-<version>/`. */
  readonly output: string
  /** Older copies named by the user; `find`: those beside the new folder; `none`. */
  readonly older: readonly string[] | 'find' | 'none'
  readonly allowUnverified: boolean
  readonly run: Run
}

const chunkIndexLimitBytes = 256 * 1024 * 1024

/** What will be downloaded, in order: what describes the release, small files, the disk. Errors: `target-unknown` (exit 2), `release-unverified` (exit 5). */
export function filesToFetch({ release, target, allowUnverified }: Pick<ReleaseFetch, 'release' | 'target' | 'allowUnverified'>): readonly PublishedFile[] {
  const names = release.targets.map(({ name }) => name)
  if (!names.includes(target)) throw targetUnknown(target, names)
  if (!release.verified && !allowUnverified) throw releaseUnverified(`${release.appliance} ${release.version}`)
  const indexes = new Set(release.files.flatMap(file => file.chunkIndex ?? []))
  const wanted = release.files.filter(file => (file.target === undefined || file.target === target) && !indexes.has(file.path))
  return [...wanted].sort((a, b) => Number(a.target !== undefined) - Number(b.target !== undefined) || a.sizeBytes - b.sizeBytes)
}

export function releaseFolder({ output, release }: Pick<ReleaseFetch, 'output' | 'release'>): string {
  return join(output, `${release.appliance}-${release.version}`)
}

/** The target's folder, with what a killed download left there removed. Errors: `output-not-writable` (exit 3). */
export async function prepareFolder(fetch: ReleaseFetch): Promise<string> {
  const folder = join(releaseFolder(fetch), fetch.target)
  try {
    await mkdir(folder, { recursive: true })
    for (const name of await readdir(folder)) if (name.startsWith('.delta-')) await rm(join(folder, name), { recursive: true, force: true })
  } catch (error) {
    throw outputNotWritable(folder, (error as Error).message, '--output')
  }
  return folder
}

/** Errors: those of fetchFile. */
export async function fetchOne(fetch: ReleaseFetch, file: PublishedFile, deps: FetchDeps): Promise<void> {
  const request = requestOf(fetch, file)
  const source = await sourceOf(fetch, file, request, deps)
  try {
    const outcome = await fetchFile(request, deps, source)
    if (outcome === 'kept') deps.progress('is here already')
  } finally {
    await source?.close?.()
  }
}

function requestOf(fetch: ReleaseFetch, { path, sizeBytes, sha256, executable }: PublishedFile): FileRequest {
  return { url: urlOf(fetch, path), path: join(releaseFolder(fetch), path), sizeBytes, sha256, executable: executable ?? path.endsWith('.sh') }
}

function urlOf({ base, release }: ReleaseFetch, path: string): string {
  return `${base}${urlPath(treeKeys.release(release.appliance, release.version) + path)}`
}

/** Undefined: all of it is downloaded. An older copy that is of no use is said and left out. */
async function sourceOf(fetch: ReleaseFetch, file: PublishedFile, request: FileRequest, deps: FetchDeps): Promise<PieceSource | undefined> {
  if (fetch.older === 'none' || file.sizeBytes < leastIndexedBytes || (await stat(request.path).catch(() => undefined))) return undefined
  const older = fetch.older === 'find' ? await olderCopies(fetch, file) : fetch.older
  if (older.length === 0) return undefined
  if (file.chunkIndex === undefined) {
    deps.progress(`downloading all of it, for it is compressed as a whole and has no chunk index: nothing of ${older.join(', ')} can be used`)
    return undefined
  }
  const index = await readIndex(fetch, file.chunkIndex, request, deps)
  if (!index) return undefined
  try {
    deps.progress(`looking for its parts in ${older.join(', ')}`)
    return await deltaSource({ file: request, index, older, run: fetch.run }, deps)
  } catch (error) {
    if (error instanceof PipelineError || deps.signal.aborted) throw error
    deps.progress(`downloading all of it, for an older copy cannot be read: ${(error as Error).message}`)
    return undefined
  }
}

async function readIndex(fetch: ReleaseFetch, path: string, request: FileRequest, deps: FetchDeps): Promise<ChunkIndex | undefined> {
  const listed = fetch.release.files.find(file => file.path === path)
  const url = urlOf(fetch, path)
  const bytes = listed && (await deps.http.document(url, chunkIndexLimitBytes))
  const isListed = bytes && createHash('sha256').update(bytes).digest('hex') === listed.sha256
  const index = isListed ? parseChunkIndex(bytes) : undefined
  if (index?.sizeBytes === request.sizeBytes) return index
  deps.progress(`downloading all of it, for its chunk index ${url} is not the one of the release`)
  return undefined
}

/** The newest of the files with the same ending in other versions' folders of this target; else of this version's other targets. */
async function olderCopies(fetch: ReleaseFetch, file: PublishedFile): Promise<readonly string[]> {
  const { output, release, target } = fetch
  const own = basename(releaseFolder(fetch))
  const folders = (await readdir(output).catch(() => [])).filter(name => name.startsWith(`${release.appliance}-`) && name !== own)
  const others = release.targets.map(({ mainFile }) => join(releaseFolder(fetch), mainFile)).filter(path => dirname(path) !== join(releaseFolder(fetch), target))
  const older = await Promise.all(folders.map(name => filesOfKind(join(output, name, target), endingOf(file, release))))
  const newest = async (paths: readonly string[]) =>
    (await Promise.all(paths.map(describe))).flatMap(each => each ?? []).sort((a, b) => b.modifiedMs - a.modifiedMs).map(({ path }) => path)
  return [...(await newest(older.flat())), ...(await newest(others.filter(isOpen)))].slice(0, mostCopies)
}

/** Each costs reading it once. */
const mostCopies = 1

/** What stands behind the version in a file's name: boxes of several providers differ in it. */
function endingOf({ path }: PublishedFile, { appliance, version }: ReleaseFetch['release']): string {
  const [name, front] = [basename(path), `${appliance}-${version}`]
  return name.startsWith(front) ? name.slice(front.length) : extname(name)
}

async function filesOfKind(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(folder).catch(() => [])
  return names.filter(name => name.endsWith(ending) && !name.startsWith('.')).map(name => join(folder, name))
}

async function describe(path: string): Promise<{ path: string; modifiedMs: number } | undefined> {
  const found = await stat(path).catch(() => undefined)
  return found?.isFile() && found.size >= leastIndexedBytes ? { path, modifiedMs: found.mtimeMs } : undefined
}
