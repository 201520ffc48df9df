/** The journal of uploads: which upload of a file was begun and which parts the server has, one JSON line per event. */
import { appendFileSync, mkdirSync, readFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { FileIdentity } from '../tools/file-identity.js'

export interface JournaledUpload {
  readonly id: string
  readonly partBytes: number
  /** The file as it was when the upload began: a changed one begins anew. */
  readonly identity: FileIdentity
  /** By part number, noted after the part's checksum had agreed. */
  readonly parts: ReadonlyMap<number, JournaledPart>
}

export interface JournaledPart {
  readonly etag: string
  /** Lower-case hex; absent where the server did not confirm it, and in journals of older versions. */
  readonly sha256?: string
}

export interface Journal {
  upload(key: string): JournaledUpload | undefined
  began(key: string, upload: Omit<JournaledUpload, 'parts'>): void
  stored(key: string, part: number, of: JournaledPart): void
  /** The upload is finished, or was given up. */
  ended(key: string): void
  /** Everything is published: nothing is left to remember. */
  remove(): Promise<void>
}

type Line =
  | ({ readonly began: string } & Omit<JournaledUpload, 'parts'>)
  | ({ readonly stored: string; readonly part: number } & JournaledPart)
  | { readonly ended: string }

/**
 * Lines are appended as they happen; a kill loses at most the last one, and a part that is not noted is hashed again.
 * Errors of all writing members: the file system's own.
 */
export function openJournal(file: string): Journal {
  const uploads = new Map<string, { id: string; partBytes: number; identity: string; parts: Map<number, JournaledPart> }>()
  const apply = (line: Line) => {
    if ('began' in line) uploads.set(line.began, { id: line.id, partBytes: line.partBytes, identity: line.identity, parts: new Map() })
    else if ('stored' in line) uploads.get(line.stored)?.parts.set(line.part, partOf(line))
    else uploads.delete(line.ended)
  }
  const lines = readLines(file)
  lines.forEach(apply)
  mkdirSync(dirname(file), { recursive: true })
  const note = (line: Line) => {
    apply(line)
    appendFileSync(file, `${JSON.stringify(line)}\n`)
  }
  return {
    upload: key => uploads.get(key),
    began: (key, upload) => note({ began: key, ...upload }),
    stored: (key, part, of) => note({ stored: key, part, ...partOf(of) }),
    ended: key => note({ ended: key }),
    remove: () => rm(file, { force: true }),
  }
}

function partOf({ etag, sha256 }: JournaledPart): JournaledPart {
  return { etag, ...(sha256 === undefined ? {} : { sha256 }) }
}

function readLines(file: string): Line[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch {
    return []
  }
  // A line cut by a kill would swallow the next one.
  if (text !== '' && !text.endsWith('\n')) appendFileSync(file, '\n')
  return text.split('\n').flatMap(line => {
    try {
      return line === '' ? [] : [JSON.parse(line) as Line]
    } catch {
      return []
    }
  })
}
