/** The Xen host of verification: Debian with Xen, bootstrapped once; each start of it starts one guest. */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { hypervisorMissing } from '../errors/media.js'
import type { Json } from '../tools/json.js'
import type { ToolVersions } from '../tools/versions.js'
import { xenHostFiles } from '../tools/xen-host.js'
import { media, mediaInputs } from './media.js'
import type { PackageSet } from './packages.js'
import type { StageContext } from './types.js'

/** What is known of the host as of an appliance. Debian 12 is the last release whose Xen (4.17) was seen to work here. */
export const xenHostSpec = { name: 'xen-host', release: 'bookworm', aptSources: [] } as const

/**
 * qemu-system-xen plays the hardware of HVM guests, and the disks that are no raw device; qemu-system-x86 is taken out of
 * the root again, to run the host in where it must be emulated.
 */
export const xenHostPackages = [
  'linux-image-amd64', 'initramfs-tools', 'zstd', 'kmod', 'udev', 'procps', 'iproute2', 'xen-system-amd64',
  'qemu-system-xen', 'qemu-utils', 'qemu-system-x86', 'seabios', 'ipxe-qemu',
] as const

/** What templates/xen-host/emulator runs, with all that it loads. */
const emulatorFiles = [
  'usr/bin/qemu-system-x86_64', 'usr/lib/x86_64-linux-gnu/*', 'usr/share/qemu/*', 'usr/share/seabios/*', 'usr/lib/ipxe/qemu/*',
]

export interface XenHost {
  /** Holds what is named in `xenHostFiles`. */
  readonly directory: string
  /** What it runs, templates/xen-host/start-guest: it travels on the job disk, so that a change of it builds nothing anew. */
  readonly program: string
  /** templates/xen-host/emulator: runs the QEMU of the host's own Debian. */
  readonly emulator: string
}

export interface XenHostInput {
  readonly packages: PackageSet
  /** templates/media: what holds for the installer's root holds for this one. */
  readonly hooks: string
}

/** What the host's key depends on. */
export function xenHostInputs(input: {
  readonly packages: PackageSet
  readonly hooks: Record<string, string>
  readonly tools: Pick<ToolVersions, 'mmdebstrap' | 'tar2sqfs'>
}): Json {
  return { media: mediaInputs({ spec: xenHostSpec, include: xenHostPackages, ...input }), emulatorFiles }
}

/** Fills `directory`, or leaves it empty. Errors: those of the media stage, `hypervisor-missing` (exit 4). */
export async function buildXenHost(input: XenHostInput, context: StageContext, directory: string): Promise<void> {
  await media({ ...input, spec: xenHostSpec, include: xenHostPackages, exclude: [] }, context, directory)
  await extractHypervisor(context, directory)
  await extractEmulator(context, directory)
}

async function extractEmulator(context: StageContext, directory: string): Promise<void> {
  const emulator = join(directory, xenHostFiles.emulator)
  await mkdir(emulator)
  await context.runPiped(
    { command: ['sqfs2tar', join(directory, xenHostFiles.root)], options: { reason: "unpack the Xen host's QEMU" } },
    { command: ['bsdtar', '-xf', '-', '--no-same-owner', '-C', emulator, ...emulatorFiles.flatMap(pattern => ['--include', pattern])] }
  )
}

/** QEMU's multiboot loader reads no gzip. */
async function extractHypervisor(context: StageContext, directory: string): Promise<void> {
  const root = join(directory, xenHostFiles.root)
  const packed = join(directory, 'xen.gz')
  const { stdout } = await context.run(['rdsquashfs', '-l', '/boot', root], { reason: 'find Xen' })
  const name = /\bxen-\d\S*\.gz/.exec(stdout)?.[0]
  if (name === undefined) throw hypervisorMissing()
  await context.runPiped(
    { command: ['rdsquashfs', '-c', `/boot/${name}`, root], options: { reason: 'unpack Xen' } },
    { command: ['dd', 'status=none', `of=${packed}`] }
  )
  await writeFile(join(directory, xenHostFiles.hypervisor), await promisify(gunzip)(await readFile(packed)))
  await rm(packed)
}
