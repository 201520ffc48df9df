/** Target hyperv: a VHDX, a script that makes the machine, and a fixed VHD where it was asked for. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { frontedFile } from '../images/fronted.js'
import { vhdFile } from '../images/vhd.js'
import { vhdx } from '../images/vhdx.js'
import { needOf } from '../tools/need.js'
import { checkByTool, checkContent, checkStructure, checkText, runChecks } from './target-checks.js'
import type { Check, CheckedImage } from './target-checks.js'
import { commonData, fullNameOf, readme, writeTexts } from './target-data.js'
import type { Named, TextPlan } from './target-data.js'
import { describeArtifacts } from './target-files.js'
import type { ArtifactPlan, BootPlan, ExportInput, ExportOptions, PlanInput, Target, TargetDeps, TargetExport, VerifyInput } from './types.js'

const bytesPerGib = 1024 ** 3
const vmbus = (device: string, alias: string, driver: string, place: 'initramfs' | 'disk') => ({ device, alias, driver, place })

const texts: readonly TextPlan[] = [{ name: 'import.ps1', mediaType: 'text/plain', estimatedBytes: 4000 }, readme]

const diskName = (input: Named) => `${fullNameOf(input)}.vhdx`
const fixedName = (input: Named) => `${fullNameOf(input)}.vhd`

function plan(input: PlanInput): readonly ArtifactPlan[] {
  const { spec, options, usedBytes } = input
  const disk = { name: diskName(input), mediaType: 'application/x-vhdx', estimatedBytes: usedBytes }
  const fixed = { name: fixedName(input), mediaType: 'application/x-vhd', estimatedBytes: usedBytes + spec.hardware.diskGib }
  return [disk, ...(options.hypervVhd ? [fixed] : []), ...texts.map(({ name, mediaType, estimatedBytes }) => ({ name, mediaType, estimatedBytes }))]
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

function data(input: Named & { readonly options: ExportOptions }): object {
  return { ...commonData(input), disk: diskName(input), fixedDisk: input.options.hypervVhd ? fixedName(input) : '' }
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
  'content equal to the golden disk': (input, deps) => checkContent('hyperv', image(input), [input, deps]),
  'import script': checkScript,
  'one page of instructions': input => checkText(readme.name, input),
}

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

/** No PowerShell runs here: what can be told is whether Windows' own one will read it, and whether it asks for what it must. */
async function checkScript({ directory, spec }: VerifyInput) {
  const text = await readFile(join(directory, 'import.ps1'), 'utf8')
  const wanted = spec.nestedVirt === 'required' ? '$Nested = $true' : '$Nested = $false'
  const problems = [
    ...(text.startsWith('\ufeff') ? [] : ['has no byte order mark: Windows PowerShell 5 would misread it']),
    ...(/[^\r]\n/.test(text) ? ['has line ends that are not those of Windows'] : []),
    ...(text.includes(wanted) ? [] : [`does not say ${wanted}`]),
  ]
  if (problems.length > 0) return { file: 'import.ps1', problems }
  return { found: `byte order mark, line ends of Windows, ${wanted}; not run: there is no PowerShell here` }
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
  from: 'disk',
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
}

export default hyperv
