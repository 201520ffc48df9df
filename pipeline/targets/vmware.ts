/** Target vmware: a folder with .vmx and VMDK for Workstation, Player and Fusion, and the same folder zipped for download. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sparseVmdk } from '../images/sparse-vmdk.js'
import { lintVmdk } from '../images/vmdk-lint.js'
import { zipVmdk } from '../images/zip-vmdk.js'
import { sha256File } from '../tools/checksum.js'
import { needOf } from '../tools/need.js'
import { checkByTool, checkContent, checkShellScript, checkStructure, checkText, lastLine, runChecks } from './target-checks.js'
import type { Check, CheckedImage, Verdict } from './target-checks.js'
import { checkDescriptor, requireDescriptor } from './target-descriptors.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { applianceData, describeArtifacts, fullNameOf, packedShare } from './target-files.js'
import type { Release } from './target-files.js'
import { firmwareBit, startPacked } from './target-hosts.js'
import { powerShellScript, startScript } from './target-kit.js'
import { withScratch } from './target-scratch.js'
import { checkPowerShell, plannedText, powerShellNesting, writeTexts } from './target-texts.js'
import type { TextPlan } from './target-texts.js'
import { askedVmx, guestNames, virtualHardware, vmwareBoots, vmwareGuest, vmwareMemoryMib, vmwareUnshown } from './target-vmware.js'
import type { ArtifactPlan, ExportInput, PlanInput, Target, TargetDeps, TargetExport, VerifyInput } from './types.js'

/** The VMDK holds every grain with data whole; the zip was measured on 745 MiB of Debian with Incus: 342 MiB. */
const shares = { disk: 1.1, zip: 0.5 } as const

/** Paths inside the target's folder. */
function pathsOf(release: Release) {
  const folder = fullNameOf(release)
  const [start, startWindows, readme] = ['start.sh', 'start.ps1', 'README.txt'].map(name => `${folder}/${name}`) as [string, string, string]
  return { folder, zip: `${folder}.zip`, vmx: `${folder}/${folder}.vmx`, disk: `${folder}/${folder}.vmdk`, start, startWindows, readme }
}

/** In the order of the zip. */
function textsOf(release: Release): readonly TextPlan[] {
  const { vmx, start, startWindows, readme } = pathsOf(release)
  return [
    { name: vmx, mediaType: 'text/plain', estimatedBytes: 2000, parts: ['vmware/machine.vmx.hbs'] },
    { name: start, mediaType: 'application/x-sh', estimatedBytes: 6000, executable: true, parts: startScript('vmware', 'start.sh', ['states', 'ready']) },
    { name: startWindows, mediaType: 'text/plain', estimatedBytes: 6000, parts: powerShellScript('vmware', 'start') },
    { name: readme, mediaType: 'text/plain', estimatedBytes: 2000, parts: ['vmware/README.txt.hbs'] },
  ]
}

function plan(input: PlanInput): readonly ArtifactPlan[] {
  const { zip, disk } = pathsOf(input)
  return [
    { name: zip, mediaType: 'application/zip', estimatedBytes: Math.round(input.usedBytes * packedShare(input, shares.zip)) },
    { name: disk, mediaType: 'application/x-vmdk', estimatedBytes: Math.round(input.usedBytes * shares.disk), packedIn: zip },
    ...textsOf(input).map(text => ({ ...plannedText(text), packedIn: zip })),
  ]
}

async function exportVmware(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory, spec, sourceDateEpoch } = input
  const paths = pathsOf(input)
  const fileName = `${paths.folder}.vmdk`
  const data = { ...applianceData(input), disk: fileName, vmxFile: `${paths.folder}.vmx`, guestOs: guestNames(spec).vmx, memoryMib: vmwareMemoryMib(spec) }
  await mkdir(join(directory, paths.folder), { recursive: true })
  const files = await writeTexts({ target: 'vmware', directory, texts: textsOf(input), data }, deps)
  requireDescriptor(asked(input), files[0]?.content ?? '')
  const names = { fileName, adapterType: 'lsilogic', hardwareVersion: virtualHardware.vmx, seed: paths.folder } as const
  return {
    writers: [
      sparseVmdk({ path: join(directory, paths.disk), ...names }),
      zipVmdk({ path: join(directory, paths.zip), sourceDateEpoch, files, diskName: paths.disk, disk: names }),
    ],
    finish: () => describeArtifacts(directory, plan({ ...input, usedBytes: 0 })),
  }
}

const checks: Readonly<Record<string, Check>> = {
  'machine description': checkVmx,
  'VMDK by its rules': checkRules,
  'VMDK structure': (input, deps) => checkStructure('vmware', checkedImage(input), deps),
  'VMDK read by libvmdk': (input, deps) => checkTool(input, deps, ['vmdkinfo', 'disk', 'vmdkinfo reads it']),
  'content equal to the golden disk': (input, deps) => checkContent('vmware', checkedImage(input), [input, deps]),
  'machine read by virt-v2v': checkV2v,
  'zip holds the folder': checkZip,
  'start script': (input, deps) => checkShellScript('vmware', pathsOf(input).start, [input, deps]),
  'start script for Windows': input => checkPowerShell(pathsOf(input).startWindows, [powerShellNesting(input.spec)], input),
  'instructions': input => checkText(pathsOf(input).readme, input),
}

function checkedImage(input: VerifyInput): CheckedImage {
  const file = pathsOf(input).disk
  return { file, image: { path: join(input.directory, file), format: 'vmdk' } }
}

async function checkTool(input: VerifyInput, deps: TargetDeps, [tool, which, found]: readonly ['vmdkinfo', 'disk', string]): Promise<Verdict> {
  const file = pathsOf(input)[which]
  return await checkByTool('vmware', { command: [tool, join(input.directory, file)], file, found }, deps)
}

function asked(release: Release): AskedDescriptor {
  const { vmx, folder } = pathsOf(release)
  return askedVmx({ file: vmx, disk: `${folder}.vmdk` }, release)
}

async function checkVmx(input: VerifyInput): Promise<Verdict> {
  return checkDescriptor(asked(input), await readFile(join(input.directory, pathsOf(input).vmx), 'utf8'))
}

async function checkRules(input: VerifyInput): Promise<Verdict> {
  const file = pathsOf(input).disk
  const { problems, grains } = await lintVmdk({ path: join(input.directory, file) })
  return problems.length > 0 ? { file, problems } : { found: `both directories lead to the same ${grains} grains, each in its place` }
}

async function checkV2v(input: VerifyInput, deps: TargetDeps): Promise<Verdict> {
  const file = pathsOf(input).vmx
  const command = ['virt-v2v', '-i', 'vmx', join(input.directory, file), '--print-source'] as const
  return await checkByTool('vmware', { command, file, found: 'virt-v2v -i vmx --print-source reads it' }, deps)
}

/** Unpacked by another program, each file must be the one beside it. */
async function checkZip(input: VerifyInput, { run }: TargetDeps): Promise<Verdict> {
  const { directory, signal } = input
  const { zip, disk } = pathsOf(input)
  const wanted = [...textsOf(input).map(({ name }) => name), disk]
  return await withScratch(directory, 'vmware', async scratch => {
    const unpacked = await run(['unzip', '-q', join(directory, zip), '-d', scratch], { okCodes: Array.from({ length: 126 }, (_, code) => code), reason: 'verify vmware' })
    if (unpacked.exitCode !== 0) return { file: zip, problems: [`is refused by unzip: ${lastLine(unpacked.stderr) || lastLine(unpacked.stdout)}`] }
    const listed = (await run(['bsdtar', '-tf', join(directory, zip)], { reason: 'verify vmware' })).stdout.trim().split('\n')
    if (listed.join('\n') !== wanted.join('\n')) return { file: zip, problems: [`holds ${listed.join(', ')}, wanted ${wanted.join(', ')}`] }
    const problems: string[] = []
    for (const name of listed) {
      const [packed, beside] = await Promise.all([scratch, directory].map(folder => sha256File(join(folder, name), signal)))
      if (packed !== beside) problems.push(`holds another ${name} than lies beside it`)
    }
    return problems.length > 0 ? { file: zip, problems } : { found: `unzip and bsdtar read it; ${listed.length} files as they lie beside it` }
  })
}

const vmware: Target = {
  name: 'vmware',
  summary: 'VMware Workstation, Player and Fusion: vmx and VMDK, zipped',
  hosts: [{
    hypervisor: 'VMware Workstation, Player, Fusion', systems: 'Linux, Windows, Intel Mac', nesting: 'yes',
    since: 'virtual hardware 9; these files have 19 (Workstation 16, Fusion 12)',
    setting: `${firmwareBit}; on Windows no Hyper-V, VBS or core isolation`,
    note: 'Workstation and Fusion are proprietary; read the licence of your version.',
    program: { file: 'vmrun', hint: 'install VMware Workstation or Player' },
  }],
  page: { rank: 2, title: 'VMware Workstation, Player and Fusion', systems: ['windows', 'mac'], start: startPacked },
  from: 'disk',
  tools: ['qemu-img', 'vmdkinfo', 'virt-v2v', 'unzip', 'bsdtar'].map(file => needOf(file, 'verify vmware')),
  guest: vmwareGuest,
  plan,
  export: exportVmware,
  verify: (input, deps) => runChecks('vmware', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  boots: input => vmwareBoots({ disk: pathsOf(input).zip, member: pathsOf(input).disk, diskFormat: 'vmdk' }),
  unshown: () => vmwareUnshown,
}

export default vmware
