/** Finds the programs and files a build needs, before it starts. */
import { constants, readFileSync } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { isAbsolute, join } from 'node:path'
import { joinProblems } from '../errors/pipeline-error.js'
import { toolMissing } from '../errors/tools.js'
import type { MissingTool } from '../errors/tools.js'

/** A program (looked for in PATH) or a file (absolute path), what it is needed to do, and how to get it. */
export type ToolNeed = MissingTool

interface Program {
  readonly package: string
  readonly reason: string
  /** What needs it; absent: every build. A target names its own programs itself. */
  readonly for?: 'targets' | 'iso' | 'releases'
  /** Whether the boots of a verification need it, too. @default false */
  readonly boots?: true
}

/** Program or file -> Debian package; the same list that ci/quickstart installs from. */
const programs: Readonly<Record<string, Program>> = JSON.parse(
  readFileSync(new URL('./programs.json', import.meta.url), 'utf8')
)

/** The need for a program of programs.json. `reason` as in `needed to ${reason}`. */
export function needOf(file: string, reason = programs[file]?.reason ?? 'run this command'): ToolNeed {
  const known = programs[file]
  return { file, reason, hint: known ? `apt-get install ${known.package}` : unknownHint(file) }
}

function unknownHint(file: string): string {
  if (isAbsolute(file)) return 'install the package that brings this file'
  return `install "${file}" and make sure that PATH names its folder`
}

/** Every program and file of programs.json. */
export function allNeeds(): readonly ToolNeed[] {
  return Object.keys(programs).map(file => needOf(file))
}

/** What every build needs, whatever its targets. */
export function buildNeeds(): readonly ToolNeed[] {
  return allNeeds().filter(({ file }) => programs[file]?.for === undefined)
}

/** What every verification needs that boots what was exported, whatever its targets: of the same list, less than a build. */
export function bootNeeds(): readonly ToolNeed[] {
  return allNeeds().filter(({ file }) => programs[file]?.boots === true)
}

/** Errors: one `tool-missing` (exit 3) or all of them joined; `path` is searched as PATH. */
export async function checkTools(needs: readonly ToolNeed[], path: string): Promise<void> {
  // Several targets may need one.
  const once = needs.filter(({ file }, index) => needs.findIndex(each => each.file === file) === index)
  const found = await Promise.all(once.map(need => findTool(need.file, path)))
  const missing = once.filter((_, index) => found[index] === undefined)
  if (missing.length > 0) throw joinProblems(missing.map(toolMissing))
}

/** Absolute path of a program in `path`, or of a file that exists; undefined when there is none. */
export async function findTool(file: string, path: string): Promise<string | undefined> {
  if (isAbsolute(file)) return (await exists(file, constants.R_OK)) ? file : undefined
  for (const folder of path.split(':').filter(isAbsolute)) {
    const candidate = join(folder, file)
    if (await exists(candidate, constants.X_OK)) return candidate
  }
  return undefined
}

async function exists(path: string, mode: number): Promise<boolean> {
  try {
    await access(path, mode)
    return (await stat(path)).isFile()
  } catch {
    return false
  }
}
