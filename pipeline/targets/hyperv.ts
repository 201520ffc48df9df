/** Target hyperv: a VHDX, a script that makes the machine, and a fixed VHD where it was asked for. */
import { join } from 'node:path'
import { frontedFile } from '../images/fronted.js'
import { vhdFile } from '../images/vhd.js'
import { vhdx } from '../images/vhdx.js'
import { needOf } from '../tools/need.js'
import { checkByTool, checkContent, checkStructure, checkText, notCompared, runChecks } from './target-checks.js'
import type { Check, CheckedImage } from './target-checks.js'
import { applianceData, describeArtifacts, fullNameOf } from './target-files.js'
import type { Release } from './target-files.js'
import { hypervMemoryMib } from './target-hyperv.js'
import { powerShellScript } from './target-kit.js'
import { withScratch } from './target-scratch.js'
import { checkPowerShell, plannedText, powerShellNesting, powerShellSizes, readme, writeTexts } from './target-texts.js'
import type { TextPlan } from './target-texts.js'
import type { ArtifactPlan, BootPlan, ExportInput, ExportOptions, PlanInput, Target, TargetDeps, TargetExport, VerifyInput } from './types.js'

const bytesPerGib = 1024 ** 3
const vmbus = (device: string, alias: string, driver: string, place: 'initramfs' | 'disk') => ({ device, alias, driver, place })

const texts: readonly TextPlan[] = [
  { name: 'import.ps1', mediaType: 'text/plain', estimatedBytes: 8000, parts: powerShellScript('hyperv', 'import') },
  readme,
]

const diskName = (input: Release) => `${fullNameOf(input)}.vhdx`
const fixedName = (input: Release) => `${fullNameOf(input)}.vhd`

function plan(input: PlanInput): readonly ArtifactPlan[] {
  const { options, usedBytes } = input
  const disk = { name: diskName(input), mediaType: 'application/x-vhdx', estimatedBytes: usedBytes }
  const fixed = { name: fixedName(input), mediaType: 'application/x-vhd', estimatedBytes: usedBytes }
  return [disk, ...(options.hypervVhd ? [fixed] : []), ...texts.map(plannedText)]
}

async function exportHyperv(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory, options } = input
  await writeTexts({ target: 'hyperv', directory, texts, data: data(input) }, deps)
  const identity = fullNameOf(input)
  return {
    writers: [
      frontedFile(join(directory, diskName(input)), vhdx(identity)),
      ...(options.hypervVhd ? [vhdFile(join(directory, fixedName(input)), identity)] : []),
    ],
    finish: () => describeArtifacts(directory, plan({ ...input, usedBytes: 0 })),
  }
}

function data(input: Release & { readonly options: ExportOptions }): object {
  return { ...applianceData(input), memoryMib: hypervMemoryMib(input.spec), disk: diskName(input), fixedDisk: input.options.hypervVhd ? fixedName(input) : '' }
}

function image({ directory, ...named }: VerifyInput): CheckedImage {
  return { file: diskName(named), image: { path: join(directory, diskName(named)), format: 'vhdx' } }
}

function fixedImage({ directory, ...named }: VerifyInput): CheckedImage {
  return { file: fixedName(named), image: { path: join(directory, fixedName(named)), format: 'vpc' } }
}

const checks: Readonly<Record<string, Check>> = {
  'vhdx structure': (input, deps) => checkStructure('hyperv', image(input), deps),
  'vhdx by libvhdi': (input, deps) => checkVhdInfo(image(input), [input, deps]),
  'content equal to the golden disk': (input, deps) => checkContentByCopy(image(input), [input, deps]),
  'import script': input => {
    const sizes = powerShellSizes({ ...input.spec.hardware, memoryMib: hypervMemoryMib(input.spec) })
    return checkPowerShell('import.ps1', [...sizes, powerShellNesting(input.spec), exposes], input)
  },
  'one page of instructions': input => checkText(readme.name, input),
}

/** Where it is told to nest. */
const exposes = 'Set-VMProcessor -VM $Machine -ExposeVirtualizationExtensions $true'

const fixedChecks: Readonly<Record<string, Check>> = {
  'vhd by libvhdi': (input, deps) => checkVhdInfo(fixedImage(input), [input, deps]),
  'vhd equal to the golden disk': (input, deps) => checkContent('hyperv', fixedImage(input), [input, deps]),
}

/** A reader that shares no code with QEMU. */
async function checkVhdInfo({ file, image: { path } }: CheckedImage, [{ spec }, deps]: Parameters<Check>) {
  const sizeBytes = spec.hardware.diskGib * bytesPerGib
  const verdict = await checkByTool('hyperv', { command: ['vhdiinfo', path], file, found: 'read' }, deps)
  if ('problems' in verdict) return verdict
  const { stdout } = await deps.run(['vhdiinfo', path], { reason: 'verify hyperv' })
  const shown = /Media size\s*:.*?(\d+)(?: bytes)?\)?$/m.exec(stdout)?.[1]
  if (Number(shown) !== sizeBytes) return { file, problems: [`shows vhdiinfo ${shown ?? 'no'} bytes, wanted ${sizeBytes}`] }
  return { found: `vhdiinfo: ${/Disk type\s*: (.*)/.exec(stdout)?.[1] ?? 'disk'}, ${spec.hardware.diskGib} GiB` }
}

/** QEMU reads a VHDX from end to end to compare it, holes and all; a raw copy without them is compared in seconds. */
async function checkContentByCopy({ file, image: { path, format } }: CheckedImage, [input, deps]: Parameters<Check>) {
  if (!input.goldenDisk) return notCompared
  return await withScratch(input.directory, 'hyperv', async scratch => {
    const raw = join(scratch, 'disk.raw')
    await deps.run(['qemu-img', 'convert', '-f', format, '-O', 'raw', '--', path, raw], { reason: 'verify hyperv' })
    return await checkContent('hyperv', { file, image: { path: raw, format: 'raw' } }, [input, deps])
  })
}

function boots(input: PlanInput): readonly BootPlan[] {
  const disk = { disk: diskName(input), diskFormat: 'vhdx', networkDevice: 'e1000' }
  return [
    { name: 'bios', firmware: 'bios', machine: 'pc', diskDevice: 'ide-hd', ...disk },
    { name: 'uefi', firmware: 'uefi', machine: 'q35', diskDevice: 'ahci', ...disk },
  ]
}

const hyperv: Target = {
  name: 'hyperv',
  summary: 'Hyper-V: VHDX and a PowerShell script',
  hosts: [{
    hypervisor: 'Hyper-V', systems: 'Windows Pro, Enterprise, Server', nesting: 'yes',
    since: 'Windows 10, Server 2016 (Intel); Windows 11, Server 2022 (AMD)',
    setting: '`Set-VMProcessor -ExposeVirtualizationExtensions $true`, no dynamic memory, MAC address spoofing on',
  }],
  page: { rank: 3, title: 'Hyper-V', systems: ['windows'], start: () => ['powershell -ExecutionPolicy Bypass -File .\\import.ps1'] },
  from: 'disk',
  heeds: ['hypervVhd'],
  tools: [needOf('qemu-img', 'verify hyperv'), needOf('vhdiinfo', 'verify hyperv')],
  guest: {
    packages: { debian: ['hyperv-daemons'], el: ['hyperv-daemons'] },
    drivers: ['hv_vmbus', 'hv_storvsc', 'ata_piix', 'hyperv_keyboard'],
    modules: ['hv_netvsc', 'hv_utils', 'hv_balloon'],
    devices: [
      vmbus("Hyper-V's SCSI controller", 'vmbus:d96361baa104294db60572e2ffb1dc7f', 'hv_storvsc', 'initramfs'),
      vmbus("Hyper-V's IDE controller, enlightened", 'vmbus:32264132cb86a2449b5c50d1417354f5', 'hv_storvsc', 'initramfs'),
      vmbus("Hyper-V's keyboard", 'vmbus:6dad12f9172bea48bd65f927a61c7684', 'hyperv_keyboard', 'initramfs'),
      vmbus("Hyper-V's network card", 'vmbus:635161f83edfc546913ff2d2f965ed0e', 'hv_netvsc', 'disk'),
    ],
    kernelArguments: [],
  },
  plan,
  export: exportHyperv,
  verify: (input, deps) =>
    runChecks('hyperv', { planned: plan({ ...input, usedBytes: 0 }), checks: input.options.hypervVhd ? { ...checks, ...fixedChecks } : checks }, [input, deps]),
  boots,
  unshown: ({ options }) =>
    options.hypervVhd ? [{ name: 'fixed VHD', reason: 'it is compared, not booted; the VHDX beside it is booted' }] : [],
}

export default hyperv
