/** Target virtualbox: an OVA of VirtualBox's own kind (AHCI, E1000, BIOS, nested virtualisation) and scripts that import it. */
import { join } from 'node:path'
import { ovaWriter } from '../images/ova.js'
import type { StreamVmdkFacts } from '../images/stream-vmdk.js'
import { needOf } from '../tools/need.js'
import { checkByTool, checkShellScript, checkText, runChecks } from './target-checks.js'
import type { Check } from './target-checks.js'
import { requireDescriptor } from './target-descriptors.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { describeArtifacts, fullNameOf, packedShare } from './target-files.js'
import type { Release } from './target-files.js'
import { firmwareBit } from './target-hosts.js'
import { powerShellScript, startScript } from './target-kit.js'
import { checkOvaMachine, checkOvaParts, checkOvaRules } from './target-ova.js'
import { checkPowerShell, plannedText, powerShellNesting, powerShellSizes, readme, writeTexts } from './target-texts.js'
import type { TextPlan } from './target-texts.js'
import { askedVirtualBox, ovfSizes, virtualBoxData, vmdkHardwareVersion } from './target-virtualbox.js'
import type { ArtifactPlan, BootPlan, ExportInput, PlanInput, Target, TargetDeps, TargetExport } from './types.js'

/** As for ova: 745 MiB of Debian with Incus became 345 MiB. */
const compressedShare = 0.5

const texts: readonly TextPlan[] = [
  { name: 'import.sh', mediaType: 'application/x-sh', estimatedBytes: 8000, executable: true, parts: startScript('virtualbox', 'import.sh', ['states', 'ports', 'ready', 'undo']) },
  { name: 'import.ps1', mediaType: 'text/plain', estimatedBytes: 7000, parts: powerShellScript('virtualbox', 'import') },
  readme,
]

function namesOf(release: Release) {
  const base = fullNameOf(release)
  return { base, ova: `${base}.ova`, ovf: `${base}.ovf`, disk: `${base}-disk1.vmdk` }
}

function plan(input: PlanInput): readonly ArtifactPlan[] {
  const estimatedBytes = Math.round(input.usedBytes * packedShare(input, compressedShare))
  return [{ name: namesOf(input).ova, mediaType: 'application/x-virtualbox-ova', estimatedBytes }, ...texts.map(plannedText)]
}

async function exportVirtualBox(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory, options, sourceDateEpoch } = input
  const { base, ova, disk } = namesOf(input)
  const data = { ...virtualBoxData(input), ova, disk }
  await writeTexts({ target: 'virtualbox', directory, texts, data }, deps)
  const descriptor = async (facts: StreamVmdkFacts) => {
    const text = await deps.render('virtualbox/machine.ovf.hbs', { ...data, ...ovfSizes(facts) })
    requireDescriptor(asked(input), text)
    return text
  }
  const names = { fileName: disk, adapterType: 'ide', hardwareVersion: vmdkHardwareVersion, seed: base } as const
  return {
    writers: [ovaWriter({ path: join(directory, ova), name: base, disk: names, manifest: options.ovaManifest, sourceDateEpoch, descriptor })],
    finish: () => describeArtifacts(directory, plan({ ...input, usedBytes: 0 })),
  }
}

const checks: Readonly<Record<string, Check>> = {
  'OVA by the rules of its readers': input => checkOvaRules(namesOf(input).ova, input),
  'appliance read by virt-v2v': async (input, deps) => {
    const file = namesOf(input).ova
    const command = ['virt-v2v', '-i', 'ova', join(input.directory, file), '--print-source'] as const
    return await checkByTool('virtualbox', { command, file, found: 'virt-v2v -i ova --print-source reads it' }, deps)
  },
  'descriptor and disk': (input, deps) => checkOvaParts('virtualbox', namesOf(input), [input, deps]),
  'machine that it asks for': (input, deps) => checkOvaMachine('virtualbox', namesOf(input), { asked: asked(input), input, deps }),
  'import script': (input, deps) => checkShellScript('virtualbox', 'import.sh', [input, deps]),
  'import script for Windows': input => checkPowerShell('import.ps1', [...powerShellSizes(input.spec.hardware), powerShellNesting(input.spec)], input),
  'one page of instructions': input => checkText(readme.name, input),
}

function asked(release: Release): AskedDescriptor {
  const { ovf, disk } = namesOf(release)
  return askedVirtualBox({ file: ovf, disk }, release)
}

function boots(input: PlanInput): readonly BootPlan[] {
  const { ova, disk } = namesOf(input)
  return [{
    name: 'bios', firmware: 'bios', disk: ova, member: disk, diskFormat: 'vmdk',
    machine: 'pc', diskDevice: 'ahci', networkDevice: 'e1000',
  }]
}

const virtualbox: Target = {
  name: 'virtualbox',
  summary: 'VirtualBox: OVA and scripts that import it',
  hosts: [{
    hypervisor: 'VirtualBox', systems: 'Linux, Windows, Intel Mac', nesting: 'yes', since: '6.1 (Intel), 6.0 (AMD)',
    setting: `${firmwareBit}; on Windows no Hyper-V, WSL 2 or core isolation; \`VBoxManage modifyvm NAME --nested-hw-virt on\``,
    note: "Machines inside need Linux or Windows, or an Intel Mac with 6.1: 7.0 and newer run on Apple's framework there, which cannot nest.",
    program: { file: 'VBoxManage', hint: 'install VirtualBox 6.1 or newer' },
  }],
  page: { rank: 1, title: 'VirtualBox', systems: ['windows', 'linux'], start: file => [`VBoxManage import ${file}`] },
  from: 'disk',
  heeds: ['ovaManifest'],
  tools: ['qemu-img', 'vmdkinfo', 'virt-v2v', 'xmllint', 'bsdtar'].map(file => needOf(file, 'verify virtualbox')),
  guest: {
    packages: { debian: [], el: [] },
    drivers: ['ahci', 'ata_piix', 'mptspi', 'mptsas', 'virtio_scsi'],
    modules: ['e1000', 'virtio_net'],
    devices: [
      {
        // The controller of whoever turns AHCI off: QEMU has no such one.
        device: "VirtualBox's LsiLogic controller (LSI 53C1030)",
        alias: 'pci:v00001000d00000030sv00001000sd00008000bc01sc00i00',
        driver: 'mptspi',
        place: 'initramfs',
      },
    ],
    kernelArguments: [],
  },
  plan,
  export: exportVirtualBox,
  verify: (input, deps) => runChecks('virtualbox', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  boots,
}

export default virtualbox
