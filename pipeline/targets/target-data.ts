/** What targets share about their descriptors: the words that every template may use, and how texts are written. */
import { chmod } from 'node:fs/promises'
import { join } from 'node:path'
import type { Spec } from '../spec/types.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import type { ArtifactPlan, TargetDeps } from './types.js'

export interface Named {
  readonly spec: Spec
  readonly version: string
}

/** `ciab-0.1.0+20260101.0123abcd`: what file names and machines begin with. */
export function fullNameOf({ spec, version }: Named): string {
  return `${spec.name}-${version}`
}

export function commonData({ spec, version }: Named) {
  return {
    name: spec.name,
    title: spec.title,
    version,
    fullName: fullNameOf({ spec, version }),
    hardware: spec.hardware,
    nested: spec.nestedVirt === 'required',
    fallbackAddress: spec.network.fallbackAddress,
    fallbackGateway: spec.network.fallbackGateway,
  }
}

/** A file made of templates/<target>/<name>.hbs. */
export interface TextPlan extends ArtifactPlan {
  /** A shell script to start by its name. */
  readonly executable?: boolean
}

export const readme: TextPlan = { name: 'README.txt', mediaType: 'text/plain', estimatedBytes: 3000 }

/** Writes each text into the folder. Errors: those of templates and of the file system. */
export async function writeTexts(
  { target, directory, texts, data }: { target: string; directory: string; texts: readonly TextPlan[]; data: object },
  { render }: TargetDeps
): Promise<void> {
  for (const { name, executable } of texts) {
    const path = join(directory, name)
    await writeFileAtomic(path, forReader(name, await render(`${target}/${name}.hbs`, data)))
    if (executable) await chmod(path, 0o755)
  }
}

/** Windows PowerShell 5 takes a script without this mark for one in the machine's own 8-bit letters. */
const byteOrderMark = '\ufeff'

function forReader(name: string, text: string): string {
  return name.endsWith('.ps1') ? byteOrderMark + text.replaceAll('\n', '\r\n') : text
}
