/** How targets verify: a table of checks, all of them made, every fault told at once. */
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { joinProblems } from '../errors/pipeline-error.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { artifactWrong } from '../errors/targets.js'
import type { Command } from '../tools/command.js'
import { checkCommand, compareCommand, infoCommand, parseCheck, parseInfo } from '../tools/qemu-img.js'
import type { ImageFile } from '../tools/qemu-img.js'
import type { ArtifactPlan, TargetCheck, TargetDeps, VerifyInput } from './types.js'

/**
 * What one check found right, each fault as the end of a sentence that begins with the file's name, or why nothing was
 * looked at. With both `found` and `skipped` only the comparison with the golden disk could not be made.
 */
export type Verdict =
  | { readonly found: string; readonly skipped?: string }
  | { readonly skipped: string }
  | { readonly file: string; readonly problems: readonly string[] }

export type Check = (input: VerifyInput, deps: TargetDeps) => Promise<Verdict>

/**
 * Every writer here rounds a disk up to whole sectors and no further, so the sizes must be equal: VMDK, qcow2, VHDX and hds
 * count sectors or bytes, an XVA's last block is as short as the disk, and of a fixed VHD QEMU reads the size, not the
 * geometry, since its creator is "win ".
 */
const sectorBytes = 512

const filesCheck = 'all files are there'
const contentCheck = 'content equal to the golden disk'

/**
 * Makes the checks in their order, after one that looks for the planned files: without them nothing else can be looked
 * at. Errors: `artifact-wrong` for each fault (exit 5), those of Run.
 */
export async function runChecks(
  target: string,
  { planned, checks }: { readonly planned: readonly ArtifactPlan[]; readonly checks: Readonly<Record<string, Check>> },
  [input, deps]: readonly [VerifyInput, TargetDeps]
): Promise<readonly TargetCheck[]> {
  const made: TargetCheck[] = []
  const faults: PipelineError[] = []
  for (const [name, check] of Object.entries({ [filesCheck]: presence(planned), ...checks })) {
    const verdict = await check(input, deps)
    if ('problems' in verdict) faults.push(...verdict.problems.map(problem => artifactWrong(target, verdict.file, problem)))
    else made.push(...checksOf(name, verdict))
    if (faults.length > 0 && name === filesCheck) break
  }
  if (faults.length > 0) throw joinProblems(faults)
  return made
}

function checksOf(name: string, verdict: Exclude<Verdict, { readonly problems: readonly string[] }>): readonly TargetCheck[] {
  if (!('found' in verdict)) return [{ name, skipped: verdict.skipped }]
  const { found, skipped } = verdict
  return [{ name, found }, ...(skipped === undefined ? [] : [{ name: `${name}: ${contentCheck}`, skipped }])]
}

/** One verdict of several on parts of the same file. */
export function joinVerdicts(file: string, verdicts: readonly Verdict[]): Verdict {
  const problems = verdicts.flatMap(verdict => ('problems' in verdict ? verdict.problems : []))
  if (problems.length > 0) return { file, problems }
  const found = verdicts.flatMap(verdict => ('found' in verdict ? [verdict.found] : [])).join('; ')
  const skipped = verdicts.flatMap(verdict => ('skipped' in verdict ? (verdict.skipped ?? []) : []))[0]
  return { found, ...(skipped === undefined ? {} : { skipped }) }
}

function presence(planned: readonly ArtifactPlan[]): Check {
  return async ({ directory }) => {
    const present = await readdir(directory, { recursive: true })
    const names = planned.map(artifact => artifact.name)
    const missing = names.find(name => !present.includes(name))
    return missing === undefined ? { found: names.join(', ') } : { file: missing, problems: ['is missing'] }
  }
}

/** What every check of an image needs: how qemu-img opens it, and the name that faults are told under. */
export interface CheckedImage {
  readonly file: string
  readonly image: ImageFile
}

/** `qemu-img check`, for the formats that have it. */
export async function checkStructure(target: string, { file, image }: CheckedImage, { run }: TargetDeps): Promise<Verdict> {
  const answer = await run(checkCommand(image), { okCodes: [0, 1, 2, 3], reason: `verify ${target}` })
  // 1: qemu-img could not even open it, and says why instead of counting.
  if (answer.exitCode === 1) return { file, problems: [`cannot be checked: ${lastLine(answer.stderr)}`] }
  const { corruptions, leaks, checkErrors, allocatedClusters } = parseCheck(answer.stdout)
  const clusters = allocatedClusters > 0 ? ` in ${allocatedClusters} clusters` : ''
  if (corruptions + leaks + checkErrors === 0) return { found: `qemu-img check finds no fault${clusters}` }
  return { file, problems: [`is damaged: ${corruptions} corruptions, ${leaks} leaks, ${checkErrors} unreadable parts`] }
}

export const notCompared: Verdict = { skipped: 'not compared: the golden disk is not on this host' }

/** The guest must see what is on the golden disk, on a disk as long: qemu-img compare lets zeros behind the end pass. */
export async function checkContent(
  target: string,
  { file, image }: CheckedImage,
  [{ goldenDisk }, { run }]: readonly [VerifyInput, TargetDeps]
): Promise<Verdict> {
  if (!goldenDisk) return notCompared
  const virtualBytesOf = async (of: ImageFile) => parseInfo((await run(infoCommand(of), { reason: `verify ${target}` })).stdout).virtualBytes
  const answer = await run(compareCommand(goldenDisk, image), { okCodes: [0, 1, 2, 3, 4], reason: `verify ${target}` })
  if (answer.exitCode === 0) {
    const [wanted, found] = [wholeSectors(await virtualBytesOf(goldenDisk)), await virtualBytesOf(image)]
    if (found !== wanted) return { file, problems: [`shows the guest ${found} bytes, and the golden disk has ${wanted}`] }
    return { found: 'qemu-img compare: identical' }
  }
  if (answer.exitCode === 1) return { file, problems: [`does not hold what the golden disk holds: ${lastLine(answer.stdout)}`] }
  return { file, problems: [`cannot be compared with the golden disk: ${lastLine(answer.stderr)}`] }
}

function wholeSectors(bytes: number): number {
  return Math.ceil(bytes / sectorBytes) * sectorBytes
}

/** A validator that ends with 0 when it is content; any other code is a fault that its last line tells. */
export async function checkByTool(
  target: string,
  { command, file, found, env }: { readonly command: Command; readonly file: string; readonly found: string; readonly env?: Readonly<Record<string, string>> },
  { run }: TargetDeps
): Promise<Verdict> {
  const okCodes = Array.from({ length: 126 }, (_, code) => code)
  const answer = await run(command, { okCodes, reason: `verify ${target}`, ...(env ? { env } : {}) })
  if (answer.exitCode === 0) return { found }
  return { file, problems: [`is refused by ${command[0]}: ${lastLine(answer.stderr) || lastLine(answer.stdout)}`] }
}

/** Text of a file, and that a shell reads it. */
export async function checkShellScript(target: string, file: string, [{ directory }, { run }]: readonly [VerifyInput, TargetDeps]): Promise<Verdict> {
  const { mode } = await stat(join(directory, file))
  if ((mode & 0o111) !== 0o111) return { file, problems: ['is not executable'] }
  const answer = await run(['sh', '-n', join(directory, file)], { okCodes: [0, 2], reason: `verify ${target}` })
  return answer.exitCode === 0
    ? { found: 'executable, sh reads it' }
    : { file, problems: [`is no shell script: ${lastLine(answer.stderr)}`] }
}

/** A text that a person reads must be there; what it says is the template's affair. */
export async function checkText(file: string, { directory }: VerifyInput): Promise<Verdict> {
  const text = await readFile(join(directory, file), 'utf8')
  return text.trim() === '' ? { file, problems: ['is empty'] } : { found: `${text.split('\n').length - 1} lines` }
}

/** Without its full stop: the message that it ends in has one. What unzip adds in brackets says nothing alone. */
export function lastLine(text: string): string {
  const lines = text.trim().split('\n')
  return (lines.findLast(line => !/^\s*\(.*\)$/.test(line)) ?? lines.at(-1) ?? '').replace(/[.!]$/, '')
}
