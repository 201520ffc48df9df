/** audit: reads the finished disk from outside and fails on any leftover, any secret, anything that would not boot. */
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { auditFailed } from '../errors/audit.js'
import { dataExtents } from '../tools/data-extents.js'
import type { DeviceAlias } from '../tools/module-alias.js'
import { firstOfEach, needleForms, searchFile } from '../tools/needles.js'
import type { Hit, Needle, NeedleForm } from '../tools/needles.js'
import { bootChecks, missingDrivers, readKernels } from './audit-boot.js'
import type { DriverNeeds, Kernel } from './audit-boot.js'
import { missingPackages, unansweredDevices } from './audit-devices.js'
import { leftoverChecks } from './audit-leftovers.js'
import { verbatimFiles } from './audit-packages.js'
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

/** One entry for each hit that counts; a host's name in a file that is word for word its package's does not. */
async function places(disk: SealedDisk, hits: readonly Hit[]): Promise<string[]> {
  if (hits.length === 0) return []
  const inRoot = ({ offsetBytes }: Hit) => partitionOf(disk, offsetBytes)?.startBytes === disk.rootStartBytes
  const owners = await disk.root.ownersOf(hits.filter(inRoot).map(({ offsetBytes }) => offsetBytes - disk.rootStartBytes))
  const ownerOf = ({ offsetBytes }: Hit) => owners.get(offsetBytes - disk.rootStartBytes)
  const packaged = hits.filter(hit => hit.mayBePackaged && inRoot(hit)).flatMap(hit => ownerOf(hit) ?? [])
  const verbatim = await verbatimFiles(disk, packaged)
  const counting = hits.filter(hit => !(hit.mayBePackaged && inRoot(hit) && verbatim.has(ownerOf(hit) ?? '')))
  return firstOfEach(counting).map(hit => {
    const place = inRoot(hit) ? (ownerOf(hit) ?? 'in no file any more') : outsideOfRoot(disk, hit)
    return `${hit.name} at byte ${hit.offsetBytes} (${place})`
  })
}

function outsideOfRoot(disk: SealedDisk, { offsetBytes }: Hit): string {
  const partition = partitionOf(disk, offsetBytes)
  return partition ? `partition ${partition.number}` : 'outside of all partitions'
}

function partitionOf({ layout }: SealedDisk, offsetBytes: number) {
  return layout.partitions.find(({ startBytes, sizeBytes }) => offsetBytes >= startBytes && offsetBytes < startBytes + sizeBytes)
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
