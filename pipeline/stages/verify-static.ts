/** Hardware of a target that QEMU does not have: its drivers are looked up on the golden disk, and reported as that. */
import { mkdir, rm } from 'node:fs/promises'
import { promiseBroken } from '../errors/verify.js'
import type { DiskFile, Target } from '../targets/types.js'
import { readKernels } from './audit-boot.js'
import type { Kernel } from './audit-boot.js'
import { describeAnswers, unansweredDevices } from './audit-devices.js'
import { openSealedDisk } from './sealed-disk.js'
import { createRecorder } from './verify-record.js'
import type { ReportedCheck } from './verify-report.js'
import type { StageContext } from './types.js'

export type StaticCheck = (target: Pick<Target, 'name' | 'guest'>) => Promise<readonly ReportedCheck[]>

const name = 'drivers for hardware that QEMU lacks'

/**
 * The check of one verification; the disk is read once, at the first target that asks. What is read goes below
 * `directory`. Errors: `interrupted` (exit 130), missing tools (3).
 */
export function staticCheck(
  goldenDisk: DiskFile | undefined,
  context: Pick<StageContext, 'run' | 'signal' | 'progress'>,
  directory: string
): StaticCheck {
  let kernels: Promise<readonly Kernel[]> | undefined
  return async ({ name: target, guest }) => {
    if (guest.devices.length === 0) return []
    const recorder = createRecorder({ target, signal: context.signal, progress: context.progress, secrets: [] })
    // Every artifact was compared with the golden disk: what is on that is on them.
    if (!goldenDisk) recorder.leave(name, 'the golden disk is not on this host')
    else {
      await recorder.check(name, async () => {
        const found = await (kernels ??= kernelsOf(goldenDisk, context, directory))
        const problems = unansweredDevices(found, guest.devices)
        if (problems.length > 0) throw promiseBroken('The image lacks drivers', problems)
        return { found: describeAnswers(found, guest.devices), value: true }
      })
    }
    return recorder.checks
  }
}

async function kernelsOf(disk: DiskFile, { run }: Pick<StageContext, 'run'>, directory: string): Promise<readonly Kernel[]> {
  await mkdir(directory, { recursive: true })
  try {
    return await readKernels(await openSealedDisk(disk.path, directory, run))
  } finally {
    await rm(directory, { recursive: true, force: true })
  }
}
