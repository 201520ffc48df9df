/** The four Vagrant boxes: for each provider what it contains, and how it is written from the disk with its marker. */
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { derivedUuid } from '../images/guid.js'
import type { Patch } from '../images/patches.js'
import { qcow2 } from '../images/qcow2.js'
import { streamVmdk } from '../images/stream-vmdk.js'
import { tarDiskSink, tarLimit } from '../images/tar-disk.js'
import type { ImageWriter } from '../images/types.js'
import { vhdx } from '../images/vhdx.js'
import { zipFronted } from '../images/zip-fronted.js'
import { zipVmdk } from '../images/zip-vmdk.js'
import { overlayCommand } from '../tools/qemu-img.js'
import { askedBoxFiles, boxDisks, boxMac, boxMemoryMib, hypervMachine } from './target-box-descriptors.js'
import { boxName } from './target-boxes.js'
import type { Provider } from './target-boxes.js'
import { requireDescriptor } from './target-descriptors.js'
import { applianceData, fullNameOf } from './target-files.js'
import type { Release } from './target-files.js'
import { hypervMemoryMib } from './target-hyperv.js'
import { ovfSizes, virtualBoxData, vmdkHardwareVersion } from './target-virtualbox.js'
import { guestNames, virtualHardware, vmwareMemoryMib } from './target-vmware.js'
import type { DiskFile, ExportInput, TargetDeps } from './types.js'

/** The marker that makes the first boot add the user vagrant; see kickstarts/shared/first-boot. */
export const markerFile = '/etc/evc/vagrant'

interface BoxFile {
  readonly name: string
  readonly content: string
}

/** Held to what is asked of each. Errors: those of the files' readers, `descriptor-wrong` (exit 5). */
function held(provider: Provider, release: Release, files: readonly BoxFile[]): readonly BoxFile[] {
  const asked = askedBoxFiles(provider, release)
  for (const { name, content } of files) {
    const descriptor = asked[name]
    if (descriptor) requireDescriptor(descriptor, content)
  }
  return files
}

/** Vagrantfile and metadata.json. Errors: those of templates and of `held`. */
async function commonFiles(provider: Provider, input: ExportInput, { render }: TargetDeps): Promise<readonly BoxFile[]> {
  const { spec } = input
  const data = { ...applianceData(input), provider, guest: guestNames(spec).vagrant, macAddress: boxMac(input), memoryMib: boxMemoryMib(provider, spec) }
  const files = ['metadata.json', 'Vagrantfile'].map(async name => ({ name, content: await render(`vagrant/${name}.hbs`, data) }))
  return held(provider, input, await Promise.all(files))
}

type MakeWriter = (input: ExportInput, deps: TargetDeps) => Promise<ImageWriter>

/** Boxes that are written in the pass; tar and zip, both of which Vagrant reads. */
export const boxWriters: Readonly<Record<Exclude<Provider, 'libvirt'>, MakeWriter>> = {
  virtualbox: async (input, deps) => {
    const { directory, sourceDateEpoch } = input
    const files = await commonFiles('virtualbox', input, deps)
    const data = { ...virtualBoxData(input), disk: 'box.vmdk', ova: '', macAddress: boxMac(input) }
    const sink = tarDiskSink({
      path: join(directory, boxName(input, 'virtualbox')),
      diskName: 'box.vmdk',
      digest: 'sha256',
      sourceDateEpoch,
      front: async () => [],
      complete: async ({ bytes }) => {
        const content = await deps.render('virtualbox/machine.ovf.hbs', { ...data, ...ovfSizes({ ...writer.facts(), fileBytes: bytes }) })
        return { front: [], behind: [...held('virtualbox', input, [{ name: 'box.ovf', content }]), ...files] }
      },
    })
    const writer = streamVmdk({ sink, fileName: 'box.vmdk', adapterType: 'ide', hardwareVersion: vmdkHardwareVersion, seed: seedOf(input) })
    return writer
  },
  vmware_desktop: async (input, deps) => {
    const data = { ...applianceData(input), disk: 'box.vmdk', guestOs: guestNames(input.spec).vmx, memoryMib: vmwareMemoryMib(input.spec) }
    const content = await deps.render('vmware/machine.vmx.hbs', data)
    const disk = { fileName: 'box.vmdk', adapterType: 'lsilogic', hardwareVersion: virtualHardware.vmx, seed: seedOf(input) } as const
    const files = [...held('vmware_desktop', input, [{ name: 'box.vmx', content }]), ...(await commonFiles('vmware_desktop', input, deps))]
    return zipVmdk({ ...placeOf(input, 'vmware_desktop'), files, diskName: 'box.vmdk', disk })
  },
  hyperv: async (input, deps) => {
    const channel = `{${derivedUuid('vagrant channel', fullNameOf(input))}}`
    const content = await deps.render('vagrant/hyperv.xml.hbs', { ...applianceData(input), memoryMib: hypervMemoryMib(input.spec), disk: 'box.vhdx', channel })
    const files = [...held('hyperv', input, [{ name: hypervMachine, content }]), ...(await commonFiles('hyperv', input, deps))]
    return zipFronted({ ...placeOf(input, 'hyperv'), files, diskName: boxDisks.hyperv.member, format: vhdx(seedOf(input)) })
  },
}

function placeOf(input: ExportInput, provider: Provider) {
  return { path: join(input.directory, boxName(input, provider)), sourceDateEpoch: input.sourceDateEpoch }
}

/** Not that of the target with the same format: the contents differ by the marker. */
function seedOf(release: Release): string {
  return `${fullNameOf(release)} vagrant`
}

/** Where the disk of the libvirt box lies until it is packed. */
function libvirtScratch(directory: string): string {
  return join(directory, '.libvirt')
}

/**
 * The disk of the libvirt box: a qcow2 is not written in order, so it gets into its box when it is complete. That it is
 * too large for the box is told while it is written, not then. Errors of its writer: `image-too-large` (exit 4).
 */
export async function libvirtDisk({ directory }: ExportInput): Promise<ImageWriter> {
  const scratch = libvirtScratch(directory)
  await mkdir(scratch)
  const { member } = boxDisks.libvirt
  return qcow2(join(scratch, member), tarLimit(member))
}

/** Errors: those of Run. */
export async function packLibvirtBox(input: ExportInput, deps: TargetDeps): Promise<void> {
  const { directory, sourceDateEpoch } = input
  const scratch = libvirtScratch(directory)
  const files = await commonFiles('libvirt', input, deps)
  for (const { name, content } of files) await writeFile(join(scratch, name), content)
  const plain = ['--format=ustar', '--owner=0', '--group=0', '--numeric-owner', '--mode=0644', `--mtime=@${sourceDateEpoch}`]
  const names = [...files.map(({ name }) => name), boxDisks.libvirt.member]
  await deps.run(['tar', ...plain, '-C', scratch, '-cf', join(directory, boxName(input, 'libvirt')), ...names], { reason: 'export vagrant' })
  await rm(scratch, { recursive: true })
}

/** A copy-on-write layer over the golden disk with the patches in it. Errors: those of Run. */
export async function makeMarkedOverlay(
  { goldenDisk, overlay, patches, scratch }: { goldenDisk: DiskFile; overlay: string; patches: readonly Patch[]; scratch: string },
  { run }: TargetDeps
): Promise<void> {
  const reason = 'add the marker file'
  await run(overlayCommand({ base: goldenDisk, path: overlay }), { reason })
  const writes: string[] = []
  for (const [at, { startBytes, bytes }] of patches.entries()) {
    const file = join(scratch, `patch-${at}`)
    await writeFile(file, bytes)
    // qemu-io splits at blanks, and scratch folders have names of ours: relative ones keep the others out.
    writes.push('-c', `write -q -s patch-${at} ${startBytes} ${bytes.length}`)
  }
  await run(['qemu-io', '-f', 'qcow2', ...writes, overlay], { cwd: scratch, reason })
  for (const at of patches.keys()) await rm(join(scratch, `patch-${at}`))
}
