/** Cleans the state folder: old results of stages, what killed builds left half-made, chunk indexes of artifacts that are gone. */
import { readdir, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { isStaleIndex } from '../tools/chunk-index.js'
import { readRecord } from './entry.js'
import { entryName, temporaryName } from './store.js'

export type CleanChoice =
  | { readonly keep: 'none' }
  /** The newest result of each stage of each appliance stays. */
  | { readonly keep: 'newest' }
  /** Results made at or after this time stay. */
  | { readonly keep: 'since'; readonly since: Date }

export interface Cleaned {
  /** Names of folders and files. */
  readonly removed: readonly string[]
  readonly freedBytes: number
}

/** Removes results and leftovers. The store's lock must be held. */
export async function cleanStore(store: string, choice: CleanChoice): Promise<Cleaned> {
  const names = await readdir(store).catch(() => [])
  const doomed = [...names.filter(name => temporaryName.test(name)), ...(await outdated(store, names, choice))]
  return await remove(store, doomed)
}

/** Removes chunk indexes that no artifact here needs; who publishes one from elsewhere makes its index again. @param wanted SHA-256 of the artifacts */
export async function cleanChunkIndexes(cache: string, wanted: ReadonlySet<string>): Promise<Cleaned> {
  const names = await readdir(cache).catch(() => [])
  return await remove(cache, names.filter(name => isStaleIndex(name, wanted)))
}

/** Where the boots of a verification keep their overlays and keys, in the state folder. */
export function scratchOf(state: string): string {
  return join(state, 'scratch')
}

/**
 * Removes what killed builds left half-made. The store's lock must be held: whoever holds it has begun nothing yet, so
 * whatever is half-made is left over. Returns the folders' names.
 */
export async function removeLeftovers(state: string): Promise<readonly string[]> {
  const store = join(state, 'store')
  const names = await readdir(store).catch(() => [])
  const scratch = await remove(scratchOf(state), await readdir(scratchOf(state)).catch(() => []))
  const halfMade = await remove(store, names.filter(name => temporaryName.test(name)))
  return [...halfMade.removed, ...scratch.removed]
}

async function outdated(store: string, names: readonly string[], choice: CleanChoice): Promise<string[]> {
  const entries = await Promise.all(
    names.flatMap(name => {
      const stage = entryName.exec(name)?.groups?.['stage']
      return stage === undefined ? [] : [describe(store, name, stage)]
    })
  )
  if (choice.keep === 'none') return entries.map(entry => entry.name)
  if (choice.keep === 'since') {
    const since = choice.since.toISOString()
    return entries.filter(entry => entry.created < since).map(entry => entry.name)
  }
  const isNewest = (entry: Entry) =>
    entry.created !== '' &&
    !entries.some(other => other.stage === entry.stage && other.appliance === entry.appliance && other.created > entry.created)
  return entries.filter(entry => !isNewest(entry)).map(entry => entry.name)
}

interface Entry {
  readonly name: string
  readonly stage: string
  readonly appliance: string
  /** ISO 8601; empty for a result without a readable record, which is older than anything. */
  readonly created: string
}

async function describe(store: string, name: string, stage: string): Promise<Entry> {
  const record = await readRecord(join(store, name))
  return { name, stage, appliance: record?.appliance ?? '', created: record?.created ?? '' }
}

async function remove(directory: string, names: readonly string[]): Promise<Cleaned> {
  let freedBytes = 0
  for (const name of names) {
    freedBytes += await diskUsage(join(directory, name))
    await rm(join(directory, name), { recursive: true, force: true })
  }
  return { removed: [...names].sort(), freedBytes }
}

const blockBytes = 512

/** Bytes a file, or all below a folder, takes on its disk, holes not counted; 0 when there is none. */
export async function diskUsage(path: string): Promise<number> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => undefined)
  const paths = entries?.map(entry => join(entry.parentPath, entry.name)) ?? [path]
  const sizes = await Promise.all(paths.map(each => stat(each).then(found => found.blocks * blockBytes, () => 0)))
  return sizes.reduce((sum, bytes) => sum + bytes, 0)
}
