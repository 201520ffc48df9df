/** The stage store: results keyed by the hash of their inputs; a folder that bears its final name is whole. */
import { mkdir, readdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { PipelineError } from '../errors/pipeline-error.js'
import { storeNotWritable } from '../errors/run.js'
import { diskFull } from '../errors/stages.js'
import { interrupted } from '../errors/tools.js'
import { freeBytes, nearlyFullBytes } from '../tools/free-space.js'
import { findDamage, readRecord, recordName, syncFile, writeRecord } from './entry.js'
import type { StageRecord } from './entry.js'
import { canonicalJson, explainMiss, stageKey } from './key.js'
import type { Json } from '../tools/json.js'

/** Eight bytes of the key in a folder's name: short enough for paths that end up in sockets, the record has all of it. */
const keyDigits = 16

export interface StoredStage<Meta> {
  /** Absolute path of the result's folder. */
  readonly directory: string
  readonly key: string
  readonly meta: Meta
  readonly seconds: number
  /** ISO 8601. */
  readonly created: string
}

export interface StageBuild {
  readonly stage: string
  readonly appliance: string
  /** Everything that goes in; its hash is the key. */
  readonly inputs: Json
  readonly signal: AbortSignal
}

export interface Store {
  readonly directory: string
  /** The whole result of these inputs, or undefined. A damaged one gives one line to `warn`, and counts as none. */
  lookup<Meta extends Json>(stage: string, inputs: Json): Promise<StoredStage<Meta> | undefined>
  /**
   * Runs `fill` on an empty folder and stores what it leaves there under the key of the inputs. `Meta` is what the
   * stage returns about it, with paths relative to the folder. The store's lock must be held.
   * Errors: what `fill` throws; `store-full` (exit 4), `store-not-writable` (exit 3), `interrupted`. The folder is gone then.
   */
  build<Meta extends Json>(build: StageBuild, fill: (directory: string) => Promise<Meta>): Promise<StoredStage<Meta>>
  /** Records of one stage, newest first. */
  history(stage: string): Promise<readonly StageRecord[]>
  /** Why there is no result for these inputs: `first-boot/10-network changed`. */
  explain(stage: string, inputs: Json): Promise<string>
}

/** `warn` gets one line per damaged result. The folder is made when it is first written to. */
export function openStore(directory: string, warn: (line: string) => void): Store {
  const history = (stage: string) => readHistory(directory, stage)
  return {
    directory,
    lookup: (stage, inputs) => lookup(directory, warn, stage, inputs),
    build: (build, fill) => buildStage(directory, build, fill),
    history,
    explain: async (stage, inputs) => explainMiss(inputs, (await history(stage)).map(record => record.inputs)),
  }
}

async function lookup<Meta extends Json>(
  store: string,
  warn: (line: string) => void,
  stage: string,
  inputs: Json
): Promise<StoredStage<Meta> | undefined> {
  const key = stageKey(inputs)
  const directory = entryPath(store, stage, key)
  const names = await readdir(directory).catch(() => undefined)
  if (!names) return undefined
  const record = await readRecord(directory)
  const damage = record ? await findDamage(directory, record) : `${recordName} cannot be read`
  if (damage !== undefined) {
    warn(`The stored result of ${stage} is damaged: ${damage}. Running ${stage} again.`)
    return undefined
  }
  return record && record.stage === stage && record.key === key ? toStored<Meta>(directory, record) : undefined
}

async function buildStage<Meta extends Json>(
  store: string,
  { stage, appliance, inputs, signal }: StageBuild,
  fill: (directory: string) => Promise<Meta>
): Promise<StoredStage<Meta>> {
  const started = Date.now()
  const key = stageKey(inputs)
  const final = entryPath(store, stage, key)
  const temporary = `${final}.tmp-${process.pid}`
  await makeEmpty(store, temporary)
  try {
    const meta = await fill(temporary)
    // A path into the temporary folder would lead nowhere after the rename.
    if (canonicalJson(meta).includes(temporary)) throw new TypeError(`${stage} returned a path of its temporary folder`)
    if (signal.aborted) throw signal.reason instanceof PipelineError ? signal.reason : interrupted()
    const seconds = Math.round((Date.now() - started) / 100) / 10
    const created = new Date().toISOString()
    const record = await writeRecord(temporary, { stage, key, appliance, inputs, meta, created, seconds })
    await moveIntoPlace(temporary, final)
    await syncFile(store)
    return toStored<Meta>(final, record)
  } catch (error) {
    const explained = await explainFailure(store, stage, error)
    // What went wrong first is what the user must know; a folder that stays is removed by the next run.
    await rm(temporary, { recursive: true, force: true }).catch(() => {})
    throw explained
  }
}

async function makeEmpty(store: string, directory: string): Promise<void> {
  try {
    await mkdir(store, { recursive: true })
    await rm(directory, { recursive: true, force: true })
    await mkdir(directory)
  } catch (error) {
    throw storeNotWritable(store, (error as Error).message)
  }
}

/** A damaged result of the same key may be in the way. */
async function moveIntoPlace(temporary: string, final: string): Promise<void> {
  const damaged = `${temporary}-damaged`
  const inTheWay = await rename(final, damaged).then(() => true, isNotFound)
  await rename(temporary, final)
  if (inTheWay) await rm(damaged, { recursive: true, force: true })
}

function isNotFound(error: NodeJS.ErrnoException): false {
  if (error.code === 'ENOENT') return false
  throw error
}

/** A tool's words count as "disk full" only when this disk is: a guest's own full disk sounds the same. */
async function explainFailure(store: string, stage: string, error: unknown): Promise<unknown> {
  const { code } = error as Partial<NodeJS.ErrnoException>
  const details = error instanceof PipelineError ? error.details : []
  if (error instanceof PipelineError && error.code === 'disk-full') return error
  const toolSaidFull = details.some(line => /no space left on device/i.test(line))
  if (code !== 'ENOSPC' && !toolSaidFull) return error
  const free = await freeBytes(store)
  if (code !== 'ENOSPC' && free > nearlyFullBytes) return error
  return diskFull({ what: stage, place: `the stage store ${store}`, freeBytes: free, details })
}

async function readHistory(store: string, stage: string): Promise<StageRecord[]> {
  const names = await readdir(store).catch(() => [])
  const own = names.filter(name => entryName.exec(name)?.groups?.['stage'] === stage)
  const records = await Promise.all(own.map(name => readRecord(join(store, name))))
  return records
    .filter(record => record !== undefined)
    .sort((a, b) => (a.created < b.created ? 1 : a.created > b.created ? -1 : 0))
}

/** Folders of finished results, and with `.tmp-<pid>` of unfinished ones. */
export const entryName = /^(?<stage>[a-z][a-z-]*)-[0-9a-f]{16}$/
export const temporaryName = /^[a-z][a-z-]*-[0-9a-f]{16}\.tmp-(?<pid>\d+)(?:-damaged)?$/

function entryPath(store: string, stage: string, key: string): string {
  return join(store, `${stage}-${key.slice(0, keyDigits)}`)
}

function toStored<Meta extends Json>(directory: string, record: StageRecord): StoredStage<Meta> {
  // Same key, same code: the stage that reads this is the one that wrote it.
  const meta = record.meta as Meta
  return { directory, key: record.key, meta, seconds: record.seconds, created: record.created }
}
