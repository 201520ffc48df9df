/** Remembers SHA-256 digests of files by their identity, so that gigabytes are not read again to learn what is known. */
import { mkdir, readFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { writeFileAtomic } from './atomic-file.js'
import { sha256File } from './checksum.js'
import { identityOf } from './file-identity.js'
import type { FileIdentity } from './file-identity.js'

interface Remembered {
  readonly identity: FileIdentity
  readonly sha256: string
}

export interface HashMemory {
  /** Lower-case hex. Errors: the file system's own. */
  sha256(path: string, signal: AbortSignal): Promise<string>
  /** Writes down what was learned. Errors: the file system's own. */
  save(): Promise<void>
}

/** Newest kept: a folder full of old releases must not make the file grow for ever. */
const rememberedFiles = 2000

/** A write within the clock's grain right after the hash would not show in the times. */
const settledMs = 100

/** `rehash`: read every file, whatever is remembered. A damaged memory counts as empty. */
export async function openHashMemory(file: string, { rehash }: { readonly rehash: boolean }): Promise<HashMemory> {
  const known = new Map<string, Remembered>(Object.entries(await readMemory(file)))
  let learned = false
  return {
    sha256: async (path, signal) => {
      const identity = await identityOf(path)
      const remembered = known.get(path)
      if (!rehash && remembered?.identity === identity) return remembered.sha256
      const sha256 = await sha256File(path, signal)
      known.delete(path)
      if ((await identityOf(path)) === identity && isSettled(identity)) known.set(path, { identity, sha256 })
      learned = true
      return sha256
    },
    save: async () => {
      if (!learned) return
      await mkdir(dirname(file), { recursive: true })
      const kept = Object.fromEntries([...known].slice(-rememberedFiles))
      await writeFileAtomic(file, `${JSON.stringify({ formatVersion: 1, files: kept })}\n`)
    },
  }
}

function isSettled(identity: FileIdentity): boolean {
  const ctimeMs = Number(BigInt(identity.split('-').at(-1) ?? 0) / 1_000_000n)
  return Date.now() - ctimeMs > settledMs
}

async function readMemory(file: string): Promise<Record<string, Remembered>> {
  try {
    const memory = JSON.parse(await readFile(file, 'utf8')) as { formatVersion?: number; files?: Record<string, Remembered> } | null
    return memory?.formatVersion === 1 ? (memory.files ?? {}) : {}
  } catch {
    return {}
  }
}
