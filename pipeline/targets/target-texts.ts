/** Texts that targets make of their templates: scripts, descriptors, the page of instructions; written for their readers. */
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Spec } from '../spec/types.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import type { Verdict } from './target-checks.js'
import { assembleScript } from './target-kit.js'
import type { ArtifactPlan, TargetDeps, VerifyInput } from './types.js'

/** A file made of templates. */
export interface TextPlan extends ArtifactPlan {
  /** A shell script to start by its name. */
  readonly executable?: boolean
  /** What it is put together from, in order; its own template alone where this is absent. */
  readonly parts?: readonly string[]
}

export const readme: TextPlan = { name: 'README.txt', mediaType: 'text/plain', estimatedBytes: 3000 }

export interface WrittenText {
  readonly name: string
  readonly content: string
}

/** Writes each text into the folder, and gives what it wrote. Errors: those of templates and of the file system. */
export async function writeTexts(
  { target, directory, texts, data }: { target: string; directory: string; texts: readonly TextPlan[]; data: object },
  { render }: TargetDeps
): Promise<readonly WrittenText[]> {
  const written: WrittenText[] = []
  for (const { name, executable, parts } of texts) {
    const path = join(directory, name)
    const content = forReader(name, await assembleScript(parts ?? [`${target}/${name}.hbs`], data, render))
    await writeFileAtomic(path, content)
    if (executable) await chmod(path, 0o755)
    written.push({ name, content })
  }
  return written
}

/** Windows PowerShell 5 takes a script without this mark for one in the machine's own 8-bit letters. */
const byteOrderMark = '\ufeff'

function forReader(name: string, text: string): string {
  return name.endsWith('.ps1') ? byteOrderMark + text.replaceAll('\n', '\r\n') : text
}

/** As the plan lists it. */
export function plannedText({ name, mediaType, estimatedBytes }: TextPlan): ArtifactPlan {
  return { name, mediaType, estimatedBytes }
}

/** What a script for Windows must say of nested virtualisation. */
export function powerShellNesting({ nestedVirt }: Spec): string {
  return nestedVirt === 'required' ? '$Nested = $true' : '$Nested = $false'
}

/** What it must say of the size of the machine: the values that its parameters have when nobody gives others. */
export function powerShellSizes({ memoryMib, cpus }: Pick<Spec['hardware'], 'memoryMib' | 'cpus'>): readonly string[] {
  return [`[int]$MemoryMiB = ${memoryMib},`, `[int]$Processors = ${cpus},`]
}

/**
 * No PowerShell runs here: what can be told is whether that of Windows reads the script as it was written, and whether
 * it says each thing that it must.
 */
export async function checkPowerShell(file: string, wanted: readonly string[], { directory }: VerifyInput): Promise<Verdict> {
  const text = await readFile(join(directory, file), 'utf8')
  const problems = [
    ...(text.startsWith(byteOrderMark) ? [] : ['has no byte order mark: Windows PowerShell 5 would misread it']),
    ...(/(^|[^\r])\n/.test(text) ? ['has line ends that are not those of Windows'] : []),
    ...wanted.filter(each => !text.includes(each)).map(each => `does not say ${each}`),
  ]
  if (problems.length > 0) return { file, problems }
  return { found: `byte order mark, line ends of Windows, ${wanted.join(' ')}; not run: there is no PowerShell here` }
}
