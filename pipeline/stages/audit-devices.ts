/** Looks up in the kernel's own tables what no boot here can show: the driver of hardware that QEMU does not have. */
import { modulesFor } from '../tools/module-alias.js'
import type { DeviceAlias } from '../tools/module-alias.js'
import { kernelName } from './audit-boot.js'
import type { Kernel } from './audit-boot.js'
import type { SealedDisk } from './sealed-disk.js'

type KernelTables = Pick<Kernel, 'release' | 'builtIn' | 'early' | 'onDisk' | 'earlyAliases' | 'diskAliases'>

/** Devices that a kernel would not find the wanted driver for, one entry each. */
export function unansweredDevices(kernels: readonly KernelTables[], devices: readonly DeviceAlias[]): readonly string[] {
  return kernels.flatMap(kernel => devices.flatMap(device => problemOf(kernel, device) ?? []))
}

/** What was found, for the report of a disk that has no problem. */
export function describeAnswers(kernels: readonly KernelTables[], devices: readonly DeviceAlias[]): string {
  const releases = kernels.map(kernel => kernel.release).join(', ')
  const answers = devices.map(({ driver, device, place }) => `${driver} answers ${device} ${where(place)}`)
  return `checked statically, by module alias: ${answers.join('; ')} (kernel ${releases})`
}

function problemOf(kernel: KernelTables, { device, alias, driver, place }: DeviceAlias): string | undefined {
  const wanted = kernelName(driver)
  if (kernel.builtIn.has(wanted)) return undefined
  const [table, present] = place === 'initramfs' ? [kernel.earlyAliases, kernel.early] : [kernel.diskAliases, kernel.onDisk]
  const answering = modulesFor(alias, table).map(kernelName)
  if (!answering.includes(wanted)) {
    const instead = answering.length > 0 ? answering.join(', ') : 'no module'
    return `${device} (${alias}): ${instead} answers it ${where(place)} of ${kernel.release}, wanted ${driver}`
  }
  if (!present.has(wanted)) return `${device} (${alias}): ${driver} is not there ${where(place)} of ${kernel.release}`
  return undefined
}

function where(place: DeviceAlias['place']): string {
  return place === 'initramfs' ? 'in the initramfs' : 'on the disk'
}

/** Packages that dpkg does not call installed. */
export async function missingPackages(disk: Pick<SealedDisk, 'readText'>, packages: readonly string[]): Promise<readonly string[]> {
  if (packages.length === 0) return []
  const paragraphs = (await disk.readText('/var/lib/dpkg/status')).split('\n\n')
  const installed = new Set(
    paragraphs.flatMap(text => (/^Status: install ok installed$/m.test(text) ? (/^Package: (.+)$/m.exec(text)?.[1] ?? []) : []))
  )
  return packages.filter(name => !installed.has(name)).map(name => `${name} is not installed`)
}
