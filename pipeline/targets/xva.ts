/** Target xva: one file for XCP-ng and XenServer, with the machine's description and the disk's blocks. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { derivedUuid } from '../images/guid.js'
import { xvaFile } from '../images/xva.js'
import { needOf } from '../tools/need.js'
import { listTar } from '../tools/tar-members.js'
import { findAll, parseXml } from '../tools/xml.js'
import type { XmlElement } from '../tools/xml.js'
import { checkByTool, checkContent, checkShellScript, checkText, joinVerdicts, lastLine, runChecks } from './target-checks.js'
import type { Check, Verdict } from './target-checks.js'
import { checkPacked, requireDescriptor } from './target-descriptors.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { applianceData, describeArtifacts, fullNameOf } from './target-files.js'
import type { Release } from './target-files.js'
import { startScript } from './target-kit.js'
import { withScratch } from './target-scratch.js'
import { plannedText, readme, writeTexts } from './target-texts.js'
import type { TextPlan } from './target-texts.js'
import type { ArtifactPlan, ExportInput, GuestNeeds, PlanInput, Target, TargetDeps, TargetExport, VerifyInput } from './types.js'

const bytesPerMib = 1024 ** 2
const bytesPerGib = 1024 ** 3
/** The disk's reference in ova.xml, which is the folder of its blocks. */
const diskReference = 'Ref:002'
const description = 'ova.xml'

const texts: readonly TextPlan[] = [
  { name: 'import.sh', mediaType: 'application/x-sh', estimatedBytes: 4000, executable: true, parts: startScript('xva', 'import.sh', ['undo']) },
  readme,
]

const xvaName = (release: Release) => `${fullNameOf(release)}.xva`

function plan(input: PlanInput): readonly ArtifactPlan[] {
  return [{ name: xvaName(input), mediaType: 'application/x-xva', estimatedBytes: input.usedBytes }, ...texts.map(plannedText)]
}

async function exportXva(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory } = input
  const data = xvaData(input)
  await writeTexts({ target: 'xva', directory, texts, data }, deps)
  const ovaXml = await deps.render('xva/ova.xml.hbs', data)
  requireDescriptor(asked(input), ovaXml)
  return {
    writers: [xvaFile({ path: join(directory, xvaName(input)), ovaXml, disk: diskReference })],
    finish: () => describeArtifacts(directory, plan({ ...input, usedBytes: 0 })),
  }
}

function xvaData(release: Release) {
  const { memoryMib, diskGib } = release.spec.hardware
  const base = fullNameOf(release)
  const uuids = ['vm', 'vbd', 'vdi', 'vif', 'sr', 'network'].map(what => [what, derivedUuid(`xva ${what}`, base)] as const)
  return {
    ...applianceData(release),
    xva: xvaName(release),
    uuids: Object.fromEntries(uuids),
    memoryBytes: memoryMib * bytesPerMib,
    diskBytes: diskGib * bytesPerGib,
    // The importer makes a new one, since the file says that this one was generated.
    macAddress: localMac(derivedUuid('xva mac', base)),
  }
}

/** Locally administered, unicast. */
function localMac(uuid: string): string {
  const pairs = uuid.replaceAll('-', '').slice(0, 10).match(/../g) ?? []
  return ['0a', ...pairs].join(':')
}

const checks: Readonly<Record<string, Check>> = {
  'members in the order that xapi reads': checkMembers,
  'description of the machine': checkDescription,
  'disk read back by xva-img': checkDisk,
  'import script': (input, deps) => checkShellScript('xva', 'import.sh', [input, deps]),
  'one page of instructions': input => checkText(readme.name, input),
}

async function checkMembers(input: VerifyInput): Promise<Verdict> {
  const file = xvaName(input)
  const { members, problems } = await listTar(join(input.directory, file))
  const names = members.map(({ name }) => name)
  const blocks = names.filter(name => /^Ref:002\/\d{8}$/.test(name))
  const last = String(input.spec.hardware.diskGib * (bytesPerGib / bytesPerMib) - 1).padStart(8, '0')
  const expected = [description, ...blocks.flatMap(name => [name, `${name}.checksum`])]
  const faults = [
    ...problems,
    ...(names.join('\n') === expected.join('\n') ? [] : ['has members that are no description, block or checksum, or not in their order']),
    ...(blocks[0] === `${diskReference}/00000000` && blocks.at(-1) === `${diskReference}/${last}` ? [] : ['lacks the first or the last block of the disk']),
    ...(blocks.every((name, at) => at === 0 || name > (blocks[at - 1] ?? '')) ? [] : ['has blocks that do not ascend']),
  ]
  return faults.length > 0 ? { file, problems: faults } : { found: `${description} first, then ${blocks.length} blocks of 1 MiB, each with its checksum` }
}

/** Fields without a default in xapi's data model: an import fails on a missing one, with no word about the file. */
const mandatory: Readonly<Record<string, readonly string[]>> = {
  VM: (
    'uuid user_version is_a_template resident_on affinity memory_static_max memory_dynamic_max memory_dynamic_min memory_static_min ' +
    'VCPUs_params VCPUs_max VCPUs_at_startup actions_after_shutdown actions_after_reboot actions_after_crash PV_bootloader PV_kernel ' +
    'PV_ramdisk PV_args PV_bootloader_args PV_legacy_args HVM_boot_policy HVM_boot_params platform PCI_bus other_config domid domarch ' +
    'is_control_domain metrics guest_metrics recommendations name_label power_state domain_type'
  ).split(' '),
  VBD: (
    'uuid VM VDI userdevice bootable mode type storage_lock empty other_config status_code status_detail runtime_properties ' +
    'qos_algorithm_type qos_algorithm_params qos_supported_algorithms device'
  ).split(' '),
  VDI: 'uuid SR virtual_size physical_utilisation type sharable read_only other_config storage_lock managed missing parent name_label'.split(' '),
  VIF: (
    'uuid device network VM MAC MTU other_config status_code status_detail runtime_properties qos_algorithm_type ' +
    'qos_algorithm_params qos_supported_algorithms'
  ).split(' '),
  SR: 'uuid virtual_allocation physical_utilisation physical_size type content_type shared other_config'.split(' '),
  network: 'uuid other_config name_label bridge'.split(' '),
}

async function checkDescription(input: VerifyInput, { run }: TargetDeps): Promise<Verdict> {
  const file = xvaName(input)
  const { stdout } = await run(['bsdtar', '-xOf', join(input.directory, file), description], { okCodes: [0, 1], reason: 'verify xva' })
  return checkPacked(file, asked(input), stdout)
}

/** The machine of the spec; each host reads nesting under one of two names. */
function asked(release: Release): AskedDescriptor {
  const { hardware, nestedVirt } = release.spec
  const nested = nestedVirt === 'required' ? 'true' : undefined
  const [cpus, memoryBytes] = [String(hardware.cpus), String(hardware.memoryMib * bytesPerMib)]
  const memory = ['static_max', 'dynamic_max', 'dynamic_min', 'static_min'].map(limit => [`VM memory_${limit}`, memoryBytes] as const)
  const wanted = {
    'VM domain_type': 'hvm',
    'VM HVM_boot_params firmware': 'bios',
    'VM VCPUs_max': cpus,
    'VM VCPUs_at_startup': cpus,
    ...Object.fromEntries(memory),
    'VM platform nested-virt': nested,
    'VM platform exp-nested-hvm': nested,
    'VBD VDI': diskReference,
    'VDI virtual_size': String(hardware.diskGib * bytesPerGib),
  }
  const present = Object.entries(mandatory).flatMap(([kind, names]) => names.map(name => `${kind} ${name}`))
  return { file: description, parse: parseDescription, wanted, present }
}

/** Each object's fields by its class, the members of a struct one word further. */
function parseDescription(text: string, file: string): ReadonlyMap<string, string> {
  return new Map(objectsOf(parseXml(text, file)).flatMap(({ kind, fields }) => [...fields].flatMap(([name, value]) => {
    const members = [...structOf(value)].map(([member, { text }]) => [`${kind} ${name} ${member}`, text] as const)
    return [[`${kind} ${name}`, value.text] as const, ...members]
  })))
}

function objectsOf(root: XmlElement) {
  return findAll(root, 'struct').flatMap(element => {
    const fields = membersOf(element)
    const [kind, snapshot] = [fields.get('class'), fields.get('snapshot')]
    return kind && snapshot ? [{ kind: kind.text, fields: structOf(snapshot) }] : []
  })
}

/** Members of the struct in a value. */
function structOf(value: XmlElement): ReadonlyMap<string, XmlElement> {
  const struct = value.children.find(({ name }) => name === 'struct')
  return struct ? membersOf(struct) : new Map()
}

function membersOf({ children }: XmlElement): ReadonlyMap<string, XmlElement> {
  return new Map(children.flatMap(member => {
    const [name, value] = ['name', 'value'].map(part => member.children.find(child => child.name === part))
    return name && value ? [[name.text, value] as const] : []
  }))
}

/** Checks every block's sum, too. */
async function checkDisk(input: VerifyInput, deps: TargetDeps): Promise<Verdict> {
  const file = xvaName(input)
  return await withScratch(input.directory, 'xva', async scratch => {
    const [tree, raw] = [join(scratch, 'tree'), join(scratch, 'disk.raw')]
    await mkdir(tree)
    const unpacked = await deps.run(['bsdtar', '-xf', join(input.directory, file), '-C', tree], { okCodes: [0, 1], reason: 'verify xva' })
    if (unpacked.exitCode !== 0) return { file, problems: [`is refused by bsdtar: ${lastLine(unpacked.stderr)}`] }
    const command = ['xva-img', '-s', 'disk-export', `${join(tree, diskReference)}/`, raw] as const
    const read = await checkByTool('xva', { command, file, found: 'xva-img reads it back' }, deps)
    if ('problems' in read) return read
    const compared = await checkContent('xva', { file, image: { path: raw, format: 'raw' } }, [input, deps])
    return joinVerdicts(file, [read, compared])
  })
}

const guest: GuestNeeds = {
  packages: { debian: [], el: [] },
  drivers: ['xen_blkfront', 'ata_piix'],
  modules: ['xen_netfront'],
  devices: [
    { device: "Xen's disk", alias: 'xen:vbd', driver: 'xen_blkfront', place: 'initramfs' },
    { device: "Xen's network card", alias: 'xen:vif', driver: 'xen_netfront', place: 'disk' },
  ],
  kernelArguments: [],
}

const xva: Target = {
  name: 'xva',
  summary: 'XCP-ng and XenServer: XVA',
  hosts: [{
    hypervisor: 'XCP-ng, XenServer', systems: 'its own', nesting: 'experimental', since: 'XCP-ng 8.2, XenServer 8',
    setting: '`xe vm-param-set uuid=... platform:nested-virt=true` (before 8.3 `exp-nested-hvm`)',
    note: 'XCP-ng does not support nesting; XenServer ties it to a licence.',
    program: { file: 'xe', hint: "run it on the pool's master, or install xe" },
  }],
  page: { rank: 7, title: 'XCP-ng and XenServer', systems: [], start: () => ['sh import.sh'] },
  from: 'disk',
  tools: ['xva-img', 'bsdtar', 'qemu-img'].map(file => needOf(file, 'verify xva')),
  guest,
  plan,
  export: exportXva,
  verify: (input, deps) => runChecks('xva', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  unshown: () => [{ name: 'XCP-ng', reason: 'no xapi runs here; the same disk is started on Xen by the target xen' }],
}

export default xva
