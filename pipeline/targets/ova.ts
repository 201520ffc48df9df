/** Target ova: one file for vSphere and ESXi: OVF 1.1, streamOptimized VMDK, manifest. */
import { join } from 'node:path'
import { ovaWriter } from '../images/ova.js'
import type { StreamVmdkFacts } from '../images/stream-vmdk.js'
import { needOf } from '../tools/need.js'
import { parseOvf } from '../tools/ovf.js'
import { checkByTool, checkShellScript, checkText, runChecks } from './target-checks.js'
import type { Check } from './target-checks.js'
import { requireDescriptor } from './target-descriptors.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { applianceData, describeArtifacts, fullNameOf, packedShare } from './target-files.js'
import type { Release } from './target-files.js'
import { startScript } from './target-kit.js'
import { checkOvaMachine, checkOvaParts, checkOvaRules } from './target-ova.js'
import { plannedText, readme, writeTexts } from './target-texts.js'
import type { TextPlan } from './target-texts.js'
import { guestNames, virtualHardware, vmwareBoots, vmwareGuest, vmwareMemoryMib, vmwareUnshown } from './target-vmware.js'
import type { ArtifactPlan, ExportInput, PlanInput, Target, TargetDeps, TargetExport } from './types.js'

/** Measured on 745 MiB of Debian with Incus: 345 MiB. */
const compressedShare = 0.5

const texts: readonly TextPlan[] = [
  { name: 'import.sh', mediaType: 'application/x-sh', estimatedBytes: 7000, executable: true, parts: startScript('ova', 'import.sh', ['states', 'ready']) },
  readme,
]

function namesOf(release: Release) {
  const base = fullNameOf(release)
  return { base, ova: `${base}.ova`, ovf: `${base}.ovf`, disk: `${base}-disk1.vmdk` }
}

function plan(input: PlanInput): readonly ArtifactPlan[] {
  return [
    { name: namesOf(input).ova, mediaType: 'application/x-virtualbox-ova', estimatedBytes: Math.round(input.usedBytes * packedShare(input, compressedShare)) },
    ...texts.map(plannedText),
  ]
}

async function exportOva(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory, spec, options, sourceDateEpoch } = input
  const { base, ova, disk } = namesOf(input)
  const data = { ...applianceData(input), ...guestNames(spec), memoryMib: vmwareMemoryMib(spec), disk, ova, noManifest: options.ovaManifest === 'none' }
  await writeTexts({ target: 'ova', directory, texts, data }, deps)
  const descriptor = async ({ capacityBytes, populatedBytes, fileBytes }: StreamVmdkFacts) => {
    const sizes = { diskBytes: capacityBytes, populatedBytes, diskFileBytes: fileBytes }
    const text = await deps.render('ova/machine.ovf.hbs', { ...data, ...sizes })
    requireDescriptor(asked(input), text)
    return text
  }
  const names = { fileName: disk, adapterType: 'lsilogic', hardwareVersion: virtualHardware.ova, seed: base } as const
  return {
    writers: [ovaWriter({ path: join(directory, ova), name: base, disk: names, manifest: options.ovaManifest, sourceDateEpoch, descriptor })],
    finish: () => describeArtifacts(directory, plan({ ...input, usedBytes: 0 })),
  }
}

/** Every vmw:Config is optional to its readers: one that is missing, or under another name, is told by nobody. */
function asked(release: Release): AskedDescriptor {
  const { ovf, disk } = namesOf(release)
  const { spec } = release
  const wanted = {
    'system type': `vmx-${virtualHardware.ova}`,
    'processors': spec.hardware.cpus,
    'memory': `${vmwareMemoryMib(spec)} byte * 2^20`,
    'disk controller': 'VirtualSCSI',
    'disk file': disk,
    'network card': 'VmxNet3',
    'Config firmware': 'efi',
    'Config bootOptions.efiSecureBootEnabled': 'false',
    'Config nestedHVEnabled': spec.nestedVirt === 'required' ? 'true' : undefined,
  }
  return { file: ovf, parse: parseOvf, wanted }
}

const checks: Readonly<Record<string, Check>> = {
  'OVA by the rules of its readers': input => checkOvaRules(namesOf(input).ova, input),
  'appliance read by virt-v2v': async (input, deps) => {
    const file = namesOf(input).ova
    const command = ['virt-v2v', '-i', 'ova', join(input.directory, file), '--print-source'] as const
    return await checkByTool('ova', { command, file, found: 'virt-v2v -i ova --print-source reads it' }, deps)
  },
  'descriptor and disk': (input, deps) => checkOvaParts('ova', namesOf(input), [input, deps]),
  'machine that it asks for': (input, deps) => checkOvaMachine('ova', namesOf(input), { asked: asked(input), input, deps }),
  'import script': (input, deps) => checkShellScript('ova', 'import.sh', [input, deps]),
  'instructions': input => checkText(readme.name, input),
}

const ova: Target = {
  name: 'ova',
  summary: 'vSphere and ESXi: OVA with streamOptimized VMDK',
  hosts: [{
    hypervisor: 'VMware ESXi, vSphere', systems: 'its own', nesting: 'yes', since: 'ESXi 6.5 (virtual hardware 13)',
    setting: 'for instances on the outer network: promiscuous mode or MAC learning, and forged transmits, on the port group',
    note: 'ESXi and vSphere are proprietary; read the licence of your version.',
    program: { file: 'govc', hint: 'install govc, or ovftool from VMware' },
  }],
  page: { rank: 6, title: 'VMware vSphere and ESXi', systems: [], start: () => ['GOVC_URL=user@host sh import.sh'] },
  from: 'disk',
  heeds: ['ovaManifest'],
  tools: ['qemu-img', 'vmdkinfo', 'virt-v2v', 'xmllint', 'bsdtar'].map(file => needOf(file, 'verify ova')),
  guest: vmwareGuest,
  plan,
  export: exportOva,
  verify: (input, deps) => runChecks('ova', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  boots: input => vmwareBoots({ disk: namesOf(input).ova, member: namesOf(input).disk, diskFormat: 'vmdk' }),
  unshown: () => vmwareUnshown,
}

export default ova
