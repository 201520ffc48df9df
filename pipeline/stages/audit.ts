/** audit: reads the finished disk from outside and fails on any leftover, any secret, anything that would not boot. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { auditFailed } from '../errors/audit.js'
import { dataExtents } from '../tools/data-extents.js'
import type { DeviceAlias } from '../tools/module-alias.js'
import { needleForms, searchFile } from '../tools/needles.js'
import type { Hit, Needle, NeedleForm } from '../tools/needles.js'
import { bootChecks, missingDrivers, readKernels } from './audit-boot.js'
import type { DriverNeeds, Kernel } from './audit-boot.js'
import { missingPackages, unansweredDevices } from './audit-devices.js'
import { leftoverChecks } from './audit-leftovers.js'
import { foreignRpms, missingRpms, parseRpmList, rpmListPath } from './installed-rpms.js'
import { openSealedDisk } from './sealed-disk.js'
import type { SealedDisk } from './sealed-disk.js'
import type { StageContext } from './types.js'

export interface AuditInput extends DriverNeeds {
  /** Devices that the kernel must know by its own tables, for want of a VM that has them. */
  readonly devices: readonly DeviceAlias[]
  /** Packages that must be installed: guest services of the hypervisors. */
  readonly packages: readonly string[]
  /** Fingerprints that packages of an el image must be signed with; absent: dpkg keeps the packages. */
  readonly rpmKeys?: readonly string[]
  /** The provisioned disk, raw; never written to. */
  readonly disk: string
  /**
   * What must be nowhere in the disk's bytes, in no form, be the file deleted or not: build keys, passwords,
   * canaries; the build host's mirror, proxy and credentials for apt.
   */
  readonly needles: readonly Needle[]
}

export interface AuditedCheck {
  readonly name: string
  readonly ok: boolean
  /** What was found wrong, one entry each; empty when ok. */
  readonly problems: readonly string[]
}

export interface AuditReport {
  readonly checks: readonly AuditedCheck[]
}

/** Temporary files go below `directory`. Errors: `audit-failed` (exit 4) with every problem, `disk-unreadable` (4), `needle-too-short` (2), those of Run. */
export async function audit(
  input: AuditInput,
  context: Pick<StageContext, 'run' | 'progress'>,
  directory: string
): Promise<AuditReport> {
  const checks = await examineDisk(input, context, directory)
  const problems = checks.flatMap(check => check.problems.map(problem => `${check.name}: ${problem}`))
  if (problems.length > 0) throw auditFailed(input.disk, problems)
  return { checks }
}

/** Every check with its problems; throws only when the disk cannot be read. */
export async function examineDisk(
  input: AuditInput,
  { run, progress }: Pick<StageContext, 'run' | 'progress'>,
  directory: string
): Promise<readonly AuditedCheck[]> {
  const scratch = await mkdtemp(join(directory, 'audit-'))
  const forms = needleForms(input.needles)
  // It computes while everything below waits for programs.
  const searching = searchDisk({ path: input.disk, run }, forms)
  searching.catch(() => {})
  try {
    progress('reading the file system, and searching its bytes for secrets')
    const disk = await openSealedDisk(input.disk, scratch, run)
    const checks: AuditedCheck[] = []
    const note = (name: string, problems: readonly string[]) => checks.push({ name, ok: problems.length === 0, problems })
    for (const [name, check] of Object.entries({ ...leftoverChecks, ...bootChecks })) note(name, await check(disk))
    progress('reading the initramfs')
    const kernels = await readKernels(disk)
    note('drivers of every target', missingDrivers(kernels, input))
    note('devices of every target, by module alias', unansweredDevices(kernels, input.devices))
    if (input.rpmKeys) {
      const rpms = parseRpmList(await disk.readText(rpmListPath))
      note('guest packages of every target', missingRpms(rpms, input.packages))
      note('every package is signed by a key of the spec', foreignRpms(rpms, input.rpmKeys))
    } else {
      note('guest packages of every target', await missingPackages(disk, input.packages))
    }
    note('nothing secret, nothing of the build host', [...(await places(disk, await searching)), ...(await findInInitramfs(kernels, forms))])
    return checks
  } finally {
    await searching.catch(() => {})
    await rm(scratch, { recursive: true, force: true })
  }
}

/** Wherever they lie on the disk: in files, deleted or not, and between them. */
async function searchDisk({ path, run }: Pick<SealedDisk, 'path' | 'run'>, forms: readonly NeedleForm[]): Promise<readonly Hit[]> {
  return forms.length === 0 ? [] : await searchFile(path, await dataExtents(path, run), forms)
}

async function places(disk: SealedDisk, hits: readonly Hit[]): Promise<string[]> {
  const problems: string[] = []
  for (const { name, offsetBytes } of hits) problems.push(`${name} at byte ${offsetBytes} (${await placeOf(disk, offsetBytes)})`)
  return problems
}

/** Where compression hides them. */
async function findInInitramfs(kernels: readonly Kernel[], forms: readonly NeedleForm[]): Promise<string[]> {
  const problems: string[] = []
  for (const { release, initramfs } of kernels) {
    const hits = []
    for (const part of initramfs.archives) hits.push(...(await searchFile(part.path, [part], forms)))
    problems.push(...new Set(hits.map(({ name }) => `${name} in the initramfs of ${release}`)))
  }
  return problems
}

async function placeOf(disk: SealedDisk, offsetBytes: number): Promise<string> {
  const partition = disk.layout.partitions.find(
    ({ startBytes, sizeBytes }) => offsetBytes >= startBytes && offsetBytes < startBytes + sizeBytes
  )
  if (!partition) return 'outside of all partitions'
  if (partition.startBytes !== disk.rootStartBytes) return `partition ${partition.number}`
  return (await disk.root.ownerOf(offsetBytes - partition.startBytes)) ?? 'in no file any more'
}
