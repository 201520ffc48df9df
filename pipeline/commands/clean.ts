/** `pipeline clean`: removes old results from the stage store, old releases, and chunk indexes of those that are gone. */
import { readdir, rename, rm, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { notARelease, optionUseless } from '../errors/commands.js'
import { gib } from '../plan/format.js'
import { cleanChunkIndexes, cleanStore, diskUsage } from '../run/clean.js'
import type { Cleaned } from '../run/clean.js'
import { acquireLock, cleanPurpose, findUse } from '../run/lock.js'
import { manifestName, readManifest } from '../stages/release-folder.js'
import { printJson, printLine } from './io.js'
import type { CommandIo } from './io.js'
import type { PlaceOptions } from './options.js'
import { placesOf } from './places.js'

export interface CleanOptions extends PlaceOptions {
  readonly all?: boolean
  readonly releases?: boolean
  /** Only this one's releases. */
  readonly appliance?: string
  /** Releases that stay, too. */
  readonly keep: readonly string[]
  readonly json?: boolean
}

/**
 * Prints what is gone. Errors: `option-useless`, `not-a-release` of what is to stay (exit 2); `store-locked` (3) while a build runs.
 * Nothing is removed then.
 */
export async function runClean(options: CleanOptions, io: CommandIo): Promise<void> {
  if (!options.releases) {
    if (options.appliance !== undefined) throw optionUseless('--appliance', 'it says whose releases go, with --releases')
    if (options.keep.length > 0) throw optionUseless('--keep', 'it says which release stays, with --releases')
  }
  for (const folder of options.keep) if (!(await readManifest(folder))) throw notARelease(folder)
  const { state, artifacts } = placesOf(options)
  const [store, locks] = [join(state, 'store'), join(state, 'locks')]
  const cleaned: Cleaned[] = []
  const unlock = await acquireLock(locks, { store, purpose: cleanPurpose, wait: false })
  try {
    cleaned.push(await cleanStore(store, { keep: options.all ? 'none' : 'newest' }))
    const user = findUse(locks)
    if (user) io.stderr.write(`releases and their chunk indexes stay: process ${user.pid} uses them (${user.purpose})\n`)
    else {
      if (options.releases) cleaned.push(await cleanReleases(artifacts, options))
      cleaned.push(await cleanChunkIndexes(join(state, 'chunks'), await artifactDigests(artifacts)))
    }
  } finally {
    unlock()
  }
  const removed = cleaned.flatMap(part => part.removed)
  const freedBytes = cleaned.reduce((sum, part) => sum + part.freedBytes, 0)
  if (options.json) return printJson(io, { removed, freedBytes })
  for (const name of removed) printLine(io, `removed ${name}`)
  printLine(io, `freed ${gib(freedBytes)}`)
}

/** Of a folder on its way out: when that is cut short, what is left is no release, and the next call ends it. */
const doomedPrefix = '.removed-'

/** Folders without a manifest are none of ours and stay. Of each appliance the newest release stays, unless `all`. */
async function cleanReleases(artifacts: string, { all = false, appliance: only, keep }: Pick<CleanOptions, 'all' | 'appliance' | 'keep'>): Promise<Cleaned> {
  const kept = keep.map(folder => resolve(folder))
  const names = await readdir(artifacts).catch(() => [])
  const begun = names.filter(name => name.startsWith(doomedPrefix))
  const found = await Promise.all(names.filter(name => !begun.includes(name)).map(name => describe(artifacts, name)))
  const releases = found.flatMap(release => release ?? []).sort((a, b) => b.writtenMs - a.writtenMs)
  const newest = (name: string, appliance: string) => releases.find(other => other.appliance === appliance)?.name === name
  const isDoomed = ({ name, appliance }: { readonly name: string; readonly appliance: string }) =>
    (only === undefined || appliance === only) && !kept.includes(resolve(artifacts, name)) && (all || !newest(name, appliance))
  const doomed = releases.filter(isDoomed).map(({ name }) => name).sort()
  let freedBytes = 0
  const remove = async (name: string) => {
    freedBytes += await diskUsage(join(artifacts, name))
    await rm(join(artifacts, name), { recursive: true, force: true })
  }
  for (const name of begun) await remove(name)
  for (const name of doomed) {
    await rename(join(artifacts, name), join(artifacts, `${doomedPrefix}${name}`))
    await remove(`${doomedPrefix}${name}`)
  }
  return { removed: [...begun, ...doomed], freedBytes }
}

/** SHA-256 of every file that the releases here name. */
async function artifactDigests(artifacts: string): Promise<ReadonlySet<string>> {
  const names = await readdir(artifacts).catch(() => [])
  const manifests = await Promise.all(names.map(name => readManifest(join(artifacts, name))))
  return new Set(manifests.flatMap(manifest => Object.values(manifest?.targets ?? {}).flatMap(({ files }) => files.map(({ sha256 }) => sha256))))
}

async function describe(artifacts: string, name: string) {
  const release = join(artifacts, name)
  const manifest = await readManifest(release)
  if (!manifest) return undefined
  return { name, appliance: manifest.appliance, writtenMs: (await stat(join(release, manifestName))).mtimeMs }
}
