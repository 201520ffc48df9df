/** Texts that targets make of their templates: scripts, descriptors, the page of instructions; written for their readers. */
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFileAtomic } from '../tools/atomic-file.js'
import type { Verdict } from './target-checks.js'
import type { ArtifactPlan, TargetDeps, VerifyInput } from './types.js'

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

/** As the plan lists it. */
export function plannedText({ name, mediaType, estimatedBytes }: TextPlan): ArtifactPlan {
  return { name, mediaType, estimatedBytes }
}

/**
 * No PowerShell runs here: what can be told is whether that of Windows reads the script as it was written, and whether
 * it says what it must.
 */
export async function checkPowerShell(file: string, wanted: string, { directory }: VerifyInput): Promise<Verdict> {
  const text = await readFile(join(directory, file), 'utf8')
  const problems = [
    ...(text.startsWith(byteOrderMark) ? [] : ['has no byte order mark: Windows PowerShell 5 would misread it']),
    ...(/(^|[^\r])\n/.test(text) ? ['has line ends that are not those of Windows'] : []),
    ...(text.includes(wanted) ? [] : [`does not say ${wanted}`]),
  ]
  if (problems.length > 0) return { file, problems }
  return { found: `byte order mark, line ends of Windows, ${wanted}; not run: there is no PowerShell here` }
}
