/** What must not be found on a disk, kept beside the stage results that may hold it: the audit may be a later run's. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Needle } from '../tools/needles.js'

export const needlesName = 'build-secrets.json'

/** Each value once, readable for this user only. */
export async function keepNeedles(directory: string, needles: readonly Needle[]): Promise<void> {
  await writeFile(join(directory, needlesName), JSON.stringify(distinctNeedles(needles)), { mode: 0o600 })
}

export async function readNeedles(directory: string): Promise<readonly Needle[]> {
  return JSON.parse(await readFile(join(directory, needlesName), 'utf8')) as readonly Needle[]
}

/** Without repetitions: what two runs say of the same mirror would be reported twice. */
export function distinctNeedles(needles: readonly Needle[]): readonly Needle[] {
  return [...new Map(needles.map(needle => [`${needle.name}\n${needle.value}`, needle])).values()]
}
