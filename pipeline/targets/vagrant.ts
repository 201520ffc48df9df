/** Target vagrant: boxes for four providers, made of the golden disk and one marker file, and the catalog that lists them. */
import { dirname, join } from 'node:path'
import { markerPatches } from '../images/marker.js'
import { differingPages } from '../images/page-differences.js'
import { patched } from '../images/patches.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { sha256File } from '../tools/checksum.js'
import { openExt4 } from '../tools/ext4.js'
import type { Ext4Entry } from '../tools/ext4.js'
import { parseJson } from '../tools/json.js'
import { needOf } from '../tools/need.js'
import { readLayout, rootPartition } from '../tools/partitions.js'
import { checkBoxes, withMarkedDisk } from './target-box-checks.js'
import { boxDisks } from './target-box-descriptors.js'
import { boxName, boxVersion, catalogBoxName, catalogName, providers } from './target-boxes.js'
import { checkByTool, checkShellScript, checkText, notCompared, runChecks } from './target-checks.js'
import type { Check, Verdict } from './target-checks.js'
import { applianceData, describeArtifacts, packedShare } from './target-files.js'
import type { Release } from './target-files.js'
import { startScript } from './target-kit.js'
import { plannedText, readme, writeTexts } from './target-texts.js'
import type { TextPlan } from './target-texts.js'
import { boxWriters, libvirtDisk, markerFile, packLibvirtBox } from './target-vagrant.js'
import type { ArtifactPlan, BootPlan, ExportInput, PlanInput, Target, TargetDeps, TargetExport, VerifyInput } from './types.js'

/** All boxes are compressed. */
const compressedShare = 0.5

const texts: readonly TextPlan[] = [
  { name: 'start.sh', mediaType: 'application/x-sh', estimatedBytes: 8000, executable: true, parts: startScript('vagrant', 'start.sh', ['states', 'ports', 'ready']) },
  readme,
]

function plan(input: PlanInput): readonly ArtifactPlan[] {
  const estimatedBytes = Math.round(input.usedBytes * packedShare(input, compressedShare))
  return [
    ...providers.map(provider => ({ name: boxName(input, provider), mediaType: 'application/vnd.vagrant.box', estimatedBytes })),
    { name: catalogName(input), mediaType: 'application/json', estimatedBytes: 2000 },
    ...texts.map(plannedText),
  ]
}

async function exportVagrant(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory, goldenDisk } = input
  await writeTexts({ target: 'vagrant', directory, texts, data: { ...vagrantData(input), boxes: boxesOf(input) } }, deps)
  const writers = await Promise.all([libvirtDisk(input), ...Object.values(boxWriters).map(make => make(input, deps))])
  const request = { disk: goldenDisk.path, file: markerFile, scratch: join(directory, '.marker'), run: deps.run }
  const patches = await markerPatches(request)
  return {
    writers: writers.map(writer => patched(writer, patches)),
    finish: async () => {
      await packLibvirtBox(input, deps)
      await writeCatalog(input, deps)
      return await describeArtifacts(directory, plan({ ...input, usedBytes: 0 }))
    },
  }
}

function vagrantData(release: Release & { readonly sourceDateEpoch: number }) {
  return { ...applianceData(release), catalog: catalogName(release), boxName: catalogBoxName(release.spec.name), boxVersion: boxVersion(release) }
}

function boxesOf(release: Release) {
  return providers.map((provider, at) => ({ provider, file: boxName(release, provider), last: at === providers.length - 1 }))
}

/** With plain file names for addresses: whoever publishes the boxes puts their place in front. */
async function writeCatalog(input: ExportInput, { render }: TargetDeps): Promise<void> {
  const boxes = await Promise.all(
    boxesOf(input).map(async box => ({ ...box, sha256: await sha256File(join(input.directory, box.file), input.signal) }))
  )
  const text = await render('vagrant/catalog.json.hbs', { ...vagrantData(input), boxes })
  parseJson(text, catalogName(input))
  await writeFileAtomic(join(input.directory, catalogName(input)), text)
}

const checks: Readonly<Record<string, Check>> = {
  'the marker is all that differs from the golden disk': checkMarker,
  'boxes added by vagrant from the catalog, each with that disk': checkBoxes,
  'start script': (input, deps) => checkShellScript('vagrant', 'start.sh', [input, deps]),
  'one page of instructions': input => checkText(readme.name, input),
}

async function checkMarker(input: VerifyInput, deps: TargetDeps): Promise<Verdict> {
  const { goldenDisk } = input
  if (!goldenDisk) return notCompared
  return await withMarkedDisk({ ...input, goldenDisk }, deps, async (marked, scratch) => {
    const offsetBytes = rootPartition(goldenDisk.path, await readLayout(goldenDisk.path)).startBytes
    const treeOf = (image: string) => openExt4({ run: deps.run, image, offsetBytes, directory: scratch }).tree()
    const more = differences(await treeOf(goldenDisk.path), await treeOf(marked.path))
    const file = boxName(input, 'libvirt')
    if (more.join() !== markerFile) return { file, problems: [`would differ from the golden disk in: ${more.join(', ') || 'nothing'}`] }
    const owners = await changedOwners({ golden: goldenDisk.path, marked: marked.path, offsetBytes, scratch }, deps)
    if (owners.length > 0) return { file, problems: [`would change blocks of the golden disk that belong to: ${owners.join(', ')}`] }
    const command = ['e2fsck', '-fn', `${marked.path}?offset=${offsetBytes}`] as const
    return await checkByTool('vagrant', { command, file, found: `one empty file more, ${markerFile}; no block of another changed; e2fsck finds no fault` }, deps)
  })
}

interface Marked {
  readonly golden: string
  readonly marked: string
  /** Of the root file system. */
  readonly offsetBytes: number
  readonly scratch: string
}

/** Whose blocks are others on the marked disk, by debugfs' word: only metadata and the marker's folder may be. */
async function changedOwners({ golden, marked, offsetBytes, scratch }: Marked, { run }: TargetDeps): Promise<readonly string[]> {
  const before = openExt4({ run, image: golden, offsetBytes, directory: scratch })
  const owners = new Set<string>()
  // Both ways: a page that became zeros is a hole of the marked disk.
  const ways = [{ before: golden, after: marked }, { before: marked, after: golden }]
  const pages = await Promise.all(ways.map(way => differingPages({ ...way, run })))
  for (const startBytes of new Set(pages.flat().map(page => page.startBytes))) {
    const owner = startBytes < offsetBytes ? 'the partition table or another partition' : await before.ownerOf(startBytes - offsetBytes)
    if (owner !== undefined && owner !== dirname(markerFile)) owners.add(owner)
    // What is wrong as a whole is not asked for page by page.
    if (owners.size === mostOwners) break
  }
  return [...owners]
}

const mostOwners = 5

/** Paths that are in one of the trees only, or not the same in both. */
function differences(before: readonly Ext4Entry[], after: readonly Ext4Entry[]): readonly string[] {
  const [old, now] = [before, after].map(tree => new Set(tree.map(entry => JSON.stringify(entry)))) as [Set<string>, Set<string>]
  const changed = [...after.filter(entry => !old.has(JSON.stringify(entry))), ...before.filter(entry => !now.has(JSON.stringify(entry)))]
  return [...new Set(changed.map(({ path }) => path))]
}

function boots(input: PlanInput): readonly BootPlan[] {
  const { member, format } = boxDisks.libvirt
  return [{
    name: 'libvirt', firmware: 'bios', disk: boxName(input, 'libvirt'), member, diskFormat: format,
    machine: 'pc', diskDevice: 'virtio-blk-pci', networkDevice: 'virtio-net-pci',
    account: 'vagrant',
  }]
}

const vagrant: Target = {
  name: 'vagrant',
  summary: 'Vagrant: boxes for libvirt, VirtualBox, VMware and Hyper-V',
  hosts: [{
    hypervisor: 'Vagrant with libvirt, VirtualBox, VMware or Hyper-V', systems: "the provider's", nesting: 'yes',
    since: "the provider's", setting: "the provider's; the box asks for nesting itself",
    program: { file: 'vagrant', hint: 'apt-get install vagrant' },
    besides: { anyOf: ['virsh', 'VBoxManage', 'vmrun'], hint: 'it needs one of libvirt, VirtualBox and VMware beside it' },
  }],
  page: { rank: 9, title: 'Vagrant', systems: [], start: () => ['sh start.sh'] },
  from: 'disk',
  templates: ['virtualbox', 'vmware'],
  tools: ['qemu-img', 'qemu-io', 'e2image', 'debugfs', 'e2fsck', 'tar', 'bsdtar', 'vagrant'].map(file => needOf(file, 'export and verify vagrant')),
  guest: { packages: { debian: ['openssh-server', 'sudo'], el: ['openssh-server', 'sudo'] }, drivers: ['virtio_blk'], modules: ['virtio_net'], devices: [], kernelArguments: [] },
  plan,
  // The qcow2 before it is packed.
  scratchBytes: input => Math.round(input.usedBytes * packedShare(input, compressedShare)),
  // Whatever the disk holds; see marker.ts.
  reads: [{ program: 'e2image', what: 'metadata of its root file system', estimatedBytes: 16 * 1024 ** 2 }],
  export: exportVagrant,
  verify: (input, deps) => runChecks('vagrant', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  boots,
  unshown: () => [
    { name: 'box of virtualbox', reason: 'its disk is compared, not booted; the target virtualbox boots one of this format' },
    { name: 'box of vmware_desktop', reason: 'its disk is compared, not booted; the target vmware boots one of this format' },
    { name: 'box of hyperv', reason: 'its disk is compared, not booted; the target hyperv boots one of this format' },
  ],
}

export default vagrant
