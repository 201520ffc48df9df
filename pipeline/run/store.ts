/** Stage results by the hash of their inputs: `<stage>-<key>/`, whole or not there. */
import { mkdir, open, readFile, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../tools/atomic-file.js'
import type { Json } from '../tools/json.js'

export interface StoredStage {
  readonly directory: string
  /** Seconds the stage took. */
  readonly seconds: number
}

export interface StageRecord {
  readonly formatVersion: 1
  readonly stage: string
  readonly key: string
  readonly inputs: Json
  readonly seconds: number
  /** Every file with its size in bytes: a shortened file is no result. */
  readonly files: Readonly<Record<string, number>>
}

export interface Store {
  readonly lookup: (stage: string, key: string) => Promise<StoredStage | undefined>
  readonly build: (
    request: { readonly stage: string; readonly key: string; readonly inputs: Json },
    fill: (directory: string) => Promise<void>
  ) => Promise<StoredStage>
  /** Seconds the newest result of this stage took. */
  readonly lastSeconds: (stage: string) => Promise<number | undefined>
}

const recordName = 'stage.json'

/** `warn` gets one line for each damaged result; it is removed and the stage runs again. */
export function openStore(root: string, warn: (line: string) => void): Store {
  const place = (stage: string, key: string) => join(root, `${stage}-${key.slice(0, 32)}`)
  const lookup: Store['lookup'] = async (stage, key) => {
    const directory = place(stage, key)
    const record = await readRecord(directory)
    if (!record) return undefined
    const damage = await damageOf(directory, record)
    if (damage === undefined) return { directory, seconds: record.seconds }
    warn(`The stored result of ${stage} is damaged: ${damage}. Running ${stage} again.`)
    await rm(directory, { recursive: true, force: true })
    return undefined
  }
  const build: Store['build'] = async ({ stage, key, inputs }, fill) => {
    const found = await lookup(stage, key)
    if (found) return found
    const directory = place(stage, key)
    const temporary = `${directory}.tmp-${process.pid}`
    const started = Date.now()
    try {
      await mkdir(temporary, { recursive: true })
      await fill(temporary)
      const seconds = (Date.now() - started) / 1000
      const files = await syncedSizes(temporary)
      const record: StageRecord = { formatVersion: 1, stage, key, inputs, seconds, files }
      await writeFileAtomic(join(temporary, recordName), `${JSON.stringify(record, null, 2)}\n`)
      await rename(temporary, directory)
      return { directory, seconds }
    } catch (error) {
      await rm(temporary, { recursive: true, force: true })
      throw error
    }
  }
  return { lookup, build, lastSeconds: stage => newestSeconds(root, stage) }
}

async function readRecord(directory: string): Promise<StageRecord | undefined> {
  try {
    const record = JSON.parse(await readFile(join(directory, recordName), 'utf8')) as StageRecord
    return record.formatVersion === 1 ? record : undefined
  } catch {
    return undefined
  }
}

/** What is wrong with the first wrong file; undefined when every file has its size. */
async function damageOf(directory: string, record: StageRecord): Promise<string | undefined> {
  for (const [name, bytes] of Object.entries(record.files)) {
    const found = await stat(join(directory, name)).catch(() => undefined)
    if (!found) return `${name} is missing`
    if (found.size !== bytes) return `${name} has ${found.size} bytes, ${bytes} expected`
  }
  return undefined
}

async function syncedSizes(directory: string): Promise<Record<string, number>> {
  const sizes: Record<string, number> = {}
  for (const name of (await readdir(directory)).sort()) {
    const file = await open(join(directory, name), 'r')
    try {
      await file.sync()
      sizes[name] = (await file.stat()).size
    } finally {
      await file.close()
    }
  }
  return sizes
}

async function newestSeconds(root: string, stage: string): Promise<number | undefined> {
  const names = (await readdir(root).catch(() => [])).filter(name => name.startsWith(`${stage}-`) && !name.includes('.tmp-'))
  const found = await Promise.all(
    names.map(async name => ({ record: await readRecord(join(root, name)), at: (await stat(join(root, name))).mtimeMs }))
  )
  return found.sort((a, b) => b.at - a.at)[0]?.record?.seconds
}
