/** One stored stage result: a folder whose stage.json, written last, says what belongs in it. */
import { open, readFile, readdir, stat } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { sha256File } from '../tools/checksum.js'
import type { Json } from '../tools/json.js'

const formatVersion = 1
export const recordName = 'stage.json'

/** Larger files are checked by size alone: reading gigabytes at each look-up would make an unchanged build slow. */
const hashedBelowBytes = 1024 * 1024

export interface StoredFile {
  /** Relative to the folder. */
  readonly path: string
  readonly bytes: number
  /** For files under 1 MiB. */
  readonly sha256?: string
}

/** What stage.json holds. */
export interface StageRecord {
  readonly formatVersion: typeof formatVersion
  readonly stage: string
  readonly key: string
  /** The first that needed this result; another may use it, too. */
  readonly appliance: string
  /** As data, so that a later run can say what changed. */
  readonly inputs: Json
  /** What the stage returned; paths in it are relative to the folder. */
  readonly meta: Json
  readonly files: readonly StoredFile[]
  /** ISO 8601. */
  readonly created: string
  /** How long the stage ran. */
  readonly seconds: number
}

/** Syncs every file of the folder, then writes its record. Errors: the file system's own. */
export async function writeRecord(
  directory: string,
  facts: Omit<StageRecord, 'formatVersion' | 'files'>
): Promise<StageRecord> {
  const files: StoredFile[] = []
  for (const path of await listFiles(directory)) {
    await syncFile(path)
    const { size } = await stat(path)
    const hash = size < hashedBelowBytes ? { sha256: await sha256File(path) } : {}
    files.push({ path: relative(directory, path), bytes: size, ...hash })
  }
  const record: StageRecord = { formatVersion, ...facts, files }
  await writeFileAtomic(join(directory, recordName), `${JSON.stringify(record, null, 2)}\n`)
  await syncFile(directory)
  return record
}

/** The record of a folder; undefined when it has none that can be read. */
export async function readRecord(directory: string): Promise<StageRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(directory, recordName), 'utf8')) as Partial<StageRecord> | null
    return record?.formatVersion === formatVersion ? (record as StageRecord) : undefined
  } catch {
    return undefined
  }
}

/** What is wrong with a stored result, in words; undefined when it is whole. */
export async function findDamage(directory: string, record: StageRecord): Promise<string | undefined> {
  for (const { path, bytes, sha256 } of record.files) {
    const found = await stat(join(directory, path)).catch(() => undefined)
    if (!found?.isFile()) return `${path} is missing`
    if (found.size !== bytes) return `${path} has ${formatBytes(found.size)}, ${formatBytes(bytes)} expected`
    if (sha256 !== undefined && (await sha256File(join(directory, path))) !== sha256) {
      return `${path} is not what was stored`
    }
  }
  return undefined
}

async function listFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  return entries.filter(entry => entry.isFile()).map(entry => join(entry.parentPath, entry.name)).sort()
}

/** Folders can be synced too: that makes the names in them last. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, 'r')
  try {
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Decimal units, as disks are sold: `100 bytes`, `733 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} bytes`
  const units = ['kB', 'MB', 'GB', 'TB']
  const step = Math.min(Math.floor(Math.log10(bytes) / 3), units.length)
  const value = bytes / 1000 ** step
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[step - 1]}`
}
