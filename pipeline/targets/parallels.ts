/** Target parallels: the .pvm bundle of Parallels Desktop, zipped, and a script that registers it. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { derivedUuid } from '../images/guid.js'
import { hds, hdsGeometry } from '../images/hds.js'
import { zipFronted } from '../images/zip-fronted.js'
import { needOf } from '../tools/need.js'
import { parseXml, valuesByPath } from '../tools/xml.js'
import { checkByTool, checkContent, checkShellScript, checkStructure, checkText, joinVerdicts, lastLine, runChecks } from './target-checks.js'
import type { Check, Verdict } from './target-checks.js'
import { checkPacked, requireDescriptor } from './target-descriptors.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { applianceData, describeArtifacts, fullNameOf, packedShare } from './target-files.js'
import type { Release } from './target-files.js'
import { startScript } from './target-kit.js'
import { withScratch } from './target-scratch.js'
import { plannedText, readme, writeTexts } from './target-texts.js'
import type { TextPlan } from './target-texts.js'
import type { ArtifactPlan, BootPlan, ExportInput, PlanInput, Target, TargetDeps, TargetExport, VerifyInput } from './types.js'

const sectorBytes = 512
const mibPerGib = 1024
const bytesPerGib = 1024 ** 3
/** As for vmware's zip. */
const compressedShare = 0.5
/** The id of a disk's only state: a constant of Parallels, part of the file's name. */
const snapshot = '{5fbaabe3-6958-40ff-92a7-860e329aab41}'

const texts: readonly TextPlan[] = [
  { name: 'import.sh', mediaType: 'application/x-sh', estimatedBytes: 4000, executable: true, parts: startScript('parallels', 'import.sh', ['undo']) },
  readme,
]

function namesOf(release: Release) {
  const base = fullNameOf(release)
  const [bundle, hdd] = [`${base}.pvm`, `${base}.hdd`]
  const folder = `${bundle}/${hdd}`
  const image = `${hdd}.0.${snapshot}.hds`
  return {
    base, bundle, hdd, archive: `${bundle}.zip`, hds: image,
    config: `${bundle}/config.pvs`, descriptor: `${folder}/DiskDescriptor.xml`, empty: `${folder}/${hdd}`, disk: `${folder}/${image}`,
  }
}

function plan(input: PlanInput): readonly ArtifactPlan[] {
  const estimatedBytes = Math.round(input.usedBytes * packedShare(input, compressedShare))
  return [{ name: namesOf(input).archive, mediaType: 'application/zip', estimatedBytes }, ...texts.map(plannedText)]
}

async function exportParallels(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory, sourceDateEpoch } = input
  const names = namesOf(input)
  const data = parallelsData(input)
  await writeTexts({ target: 'parallels', directory, texts, data }, deps)
  const [config, descriptor] = await Promise.all(
    ['config.pvs', 'DiskDescriptor.xml'].map(name => deps.render(`parallels/${name}.hbs`, data))
  ) as [string, string]
  requireDescriptor(askedConfig(input), config)
  requireDescriptor(askedDisk(input), descriptor)
  const files = [
    { name: names.config, content: config },
    { name: names.descriptor, content: descriptor },
    { name: names.empty, content: '' },
  ]
  return {
    writers: [zipFronted({ path: join(directory, names.archive), sourceDateEpoch, files, diskName: names.disk, format: hds })],
    finish: () => describeArtifacts(directory, plan({ ...input, usedBytes: 0 })),
  }
}

function parallelsData(release: Release) {
  const { base, bundle, hdd, archive, hds: image } = namesOf(release)
  const { diskGib } = release.spec.hardware
  const diskSectors = (diskGib * bytesPerGib) / sectorBytes
  const uuid = (what: string) => `{${derivedUuid(`parallels ${what}`, base)}}`
  return {
    ...applianceData(release),
    bundle, hdd, archive, hds: image, snapshot, diskSectors,
    diskMib: diskGib * mibPerGib,
    cylinders: diskSectors / (hdsGeometry.heads * hdsGeometry.sectors),
    ...hdsGeometry,
    vmUuid: uuid('machine'),
    diskUuid: uuid('disk'),
    // 00:1C:42 is Parallels' own range. Registering makes a new one when another machine has it.
    macAddress: `001C42${derivedUuid('parallels mac', base).slice(0, 6).toUpperCase()}`,
  }
}

const checks: Readonly<Record<string, Check>> = {
  'archive by unzip': checkArchive,
  'bundle': checkBundle,
  'import script': (input, deps) => checkShellScript('parallels', 'import.sh', [input, deps]),
  'one page of instructions': input => checkText(readme.name, input),
}

async function checkArchive(input: VerifyInput, deps: TargetDeps): Promise<Verdict> {
  const file = namesOf(input).archive
  return await checkByTool('parallels', { command: ['unzip', '-tqq', join(input.directory, file)], file, found: 'unzip -t finds no fault' }, deps)
}

async function checkBundle(input: VerifyInput, deps: TargetDeps): Promise<Verdict> {
  const names = namesOf(input)
  const file = names.archive
  return await withScratch(input.directory, 'parallels', async scratch => {
    const unpacked = await deps.run(['bsdtar', '-xf', join(input.directory, file), '-C', scratch], { okCodes: [0, 1], reason: 'verify parallels' })
    if (unpacked.exitCode !== 0) return { file, problems: [`is refused by bsdtar: ${lastLine(unpacked.stderr)}`] }
    const image = { file, image: { path: join(scratch, names.disk), format: 'parallels' } }
    const verdicts = [
      await checkDescriptors(scratch, input),
      await checkStructure('parallels', image, deps),
      await checkContent('parallels', image, [input, deps]),
    ]
    return joinVerdicts(file, verdicts)
  })
}

async function checkDescriptors(scratch: string, input: VerifyInput): Promise<Verdict> {
  const { archive, config, descriptor } = namesOf(input)
  const check = async (name: string, asked: AskedDescriptor) => checkPacked(archive, asked, await readFile(join(scratch, name), 'utf8'))
  return joinVerdicts(archive, await Promise.all([check(config, askedConfig(input)), check(descriptor, askedDisk(input))]))
}

const parse: AskedDescriptor['parse'] = (text, file) => new Map(valuesByPath(parseXml(text, file)))

function askedConfig(release: Release): AskedDescriptor {
  const { hardware, nestedVirt } = release.spec
  const wanted = {
    'Settings Startup Bios EfiEnabled': '1',
    'Settings Startup Bios EfiSecureBoot': '0',
    'Hardware Cpu Number': String(hardware.cpus),
    'Hardware Cpu VirtualizedHV': nestedVirt === 'required' ? '1' : '0',
    'Hardware Memory RAM': String(hardware.memoryMib),
    'Hardware Hdd SystemName': namesOf(release).hdd,
    'Hardware Hdd Size': String(hardware.diskGib * mibPerGib),
    // SATA, and virtio.
    'Hardware Hdd InterfaceType': '2',
    'Hardware NetworkAdapter AdapterType': '3',
  }
  return { file: 'config.pvs', parse, wanted }
}

function askedDisk(release: Release): AskedDescriptor {
  const sectors = (release.spec.hardware.diskGib * bytesPerGib) / sectorBytes
  const wanted = {
    'Disk_Parameters Disk_size': String(sectors),
    'Disk_Parameters Cylinders': String(sectors / (hdsGeometry.heads * hdsGeometry.sectors)),
    'Disk_Parameters Heads': String(hdsGeometry.heads),
    'Disk_Parameters Sectors': String(hdsGeometry.sectors),
    'StorageData Storage Image File': namesOf(release).hds,
  }
  return { file: 'DiskDescriptor.xml', parse, wanted }
}

function boots(input: PlanInput): readonly BootPlan[] {
  const { archive, disk } = namesOf(input)
  return [{
    name: 'uefi', firmware: 'uefi', disk: archive, member: disk, diskFormat: 'parallels',
    machine: 'q35', diskDevice: 'ahci', networkDevice: 'virtio-net-pci',
  }]
}

const parallels: Target = {
  name: 'parallels',
  summary: 'Parallels Desktop: pvm bundle and a prlctl script',
  hosts: [{
    hypervisor: 'Parallels Desktop', systems: 'Intel Mac', nesting: 'yes', since: 'Pro and Business editions',
    setting: "Parallels' own hypervisor, not Apple's: `prlctl set NAME --hypervisor-type parallels`; `prlctl set NAME --nested-virt on`",
    note: 'Proprietary; nesting is not in the standard edition.',
  }],
  page: { rank: 5, title: 'Parallels Desktop', systems: ['mac'], start: () => ['sh import.sh'] },
  from: 'disk',
  tools: ['qemu-img', 'bsdtar', 'unzip'].map(file => needOf(file, 'verify parallels')),
  guest: {
    packages: { debian: [], el: [] },
    drivers: ['ahci'],
    modules: ['virtio_net', 'e1000'],
    devices: [],
    kernelArguments: [],
  },
  plan,
  export: exportParallels,
  verify: (input, deps) => runChecks('parallels', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  boots,
}

export default parallels
