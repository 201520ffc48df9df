/** Makes an installer of a golden disk: a medium for BIOS and UEFI that writes that disk to a machine's own, without a network. */
import { createHash } from 'node:crypto'
import { chmod, mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { createWriteStream } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGzip } from 'node:zlib'
import { goldenWithoutSystem } from '../errors/iso.js'
import { openGolden } from '../images/golden-source.js'
import type { GoldenSource } from '../images/golden-source.js'
import { renderTemplate } from '../render/engine.js'
import type { Spec } from '../spec/types.js'
import { syncFile } from '../tools/atomic-file.js'
import type { Command } from '../tools/command.js'
import type { Extent } from '../tools/data-extents.js'
import { openExt4 } from '../tools/ext4.js'
import { readLayout, rootPartition } from '../tools/partitions.js'
import type { IsoTemplates } from './installer-iso.js'
import { requireFit, requireRoomFor } from './iso-fit.js'
import type { StageContext } from './types.js'

export interface DiskInstallerRequest {
  readonly spec: Pick<Spec, 'name' | 'title'>
  readonly version: string
  /** The golden disk: raw. */
  readonly disk: string
  readonly output: string
  readonly unattended: boolean
  /** `only`, `smallest`, or a name below /dev/disk/by-id. */
  readonly diskRule: string
  readonly countdownSeconds: number
  readonly limitMib?: number
}

export interface DiskInstallerTemplates extends Pick<IsoTemplates, 'grub' | 'startLocalDisk'> {
  /** Programs of the installer's initramfs. */
  readonly init: string
  readonly chooseDisk: string
}

const bytesPerMib = 2 ** 20
const menuSeconds = 60

/** Writes `output`, whole or not at all. Errors: `iso-will-not-fit` (exit 2), `golden-without-system`, `iso-too-large`, `golden-disk-changed` (4), those of Run. */
export async function makeDiskInstaller(
  request: DiskInstallerRequest,
  templates: DiskInstallerTemplates,
  { run, progress }: Pick<StageContext, 'run' | 'progress'>
): Promise<void> {
  await mkdir(dirname(request.output), { recursive: true })
  const scratch = await mkdtemp(join(dirname(request.output), `.${basename(request.output)}.`))
  const [tree, iso] = [join(scratch, 'tree'), join(scratch, 'new.iso')]
  try {
    await mkdir(join(tree, 'evc'), { recursive: true })
    await mkdir(join(tree, 'boot/grub'), { recursive: true })
    progress('reading the golden disk')
    const golden = await openGolden(request.disk, run)
    await writeContent(golden, join(tree, 'evc')).finally(() => golden.close())
    await writeSystem({ request, templates, tree, scratch }, run)
    await writeFile(join(tree, 'boot/grub/grub.cfg'), renderMenu(request, templates))
    await requireRoomFor([tree], request.limitMib)
    progress('writing the ISO')
    await run(composeCommand(tree, { iso, volume: volumeOf(request.spec) }), { reason: 'write the ISO' })
    await run(['implantisomd5', '--force', iso], { reason: 'embed the checksum' })
    await requireFit(iso, request.limitMib)
    await syncFile(iso)
    await rename(iso, request.output)
  } finally {
    await rm(scratch, { recursive: true, force: true })
  }
}

/** The medium is found again by its label after the start: 32 characters, of which ISO 9660 allows few. */
export function volumeOf({ name }: Pick<Spec, 'name'>): string {
  return `INSTALL_${name.toUpperCase().replace(/[^A-Z0-9]/g, '_')}`.slice(0, 32)
}

/** BIOS and UEFI, on a disc and on a stick. */
export function composeCommand(tree: string, { iso, volume }: { readonly iso: string; readonly volume: string }): Command {
  return ['grub-mkrescue', `--output=${iso}`, tree, '--', '-volid', volume]
}

export function renderMenu(
  request: Pick<DiskInstallerRequest, 'spec' | 'version' | 'unattended' | 'diskRule' | 'countdownSeconds'>,
  { grub, startLocalDisk }: Pick<DiskInstallerTemplates, 'grub' | 'startLocalDisk'>
): string {
  const { spec, unattended, diskRule, countdownSeconds } = request
  const data = {
    startLocalDisk,
    first: unattended ? 'install' : 'local',
    timeoutSeconds: menuSeconds,
    label: `Install ${spec.title} ${request.version}: erases the disk`,
    arguments: `evc.medium=${volumeOf(spec)} evc.disk=${diskRule} evc.countdown=${countdownSeconds} panic=-1 quiet loglevel=3 console=ttyS0,115200n8 console=tty0`,
  }
  return renderTemplate({ file: 'templates/iso/disk-grub.cfg.hbs', text: grub, data })
}

/** All data of the disk as one stream, and the list of parts that puts it in its places: zeros are told, not stored. */
async function writeContent(golden: GoldenSource, folder: string): Promise<void> {
  const file = (name: string) => join(folder, name)
  const parts = partsOf(golden.extents, golden.virtualBytes)
  const hash = createHash('sha256')
  const digest = new Transform({
    transform: (chunk: Buffer, _, done) => {
      hash.update(chunk)
      done(null, chunk)
    },
  })
  await pipeline(Readable.from(contentOf(golden, parts)), createGzip({ level: 3 }), digest, createWriteStream(file('disk.gz')))
  await golden.requireUnchanged()
  await writeFile(file('disk.gz.sha256'), `${hash.digest('hex')}  disk.gz\n`)
  await writeFile(file('parts'), parts.map(({ kind, startMib, mib }) => `${kind} ${startMib} ${mib}\n`).join(''))
  await writeFile(file('mib'), `${Math.ceil(golden.virtualBytes / bytesPerMib)}\n`)
  await writeFile(file('bytes'), `${golden.virtualBytes}\n`)
}

export interface DiskPart {
  readonly kind: 'data' | 'zero'
  readonly startMib: number
  readonly mib: number
}

/** A part is told each 512 MiB, so that whoever waits sees it go on. */
const mostMib = 512

/** The whole disk in order, in MiB; a MiB that holds a byte of data is data. Pure. */
export function partsOf(extents: readonly Extent[], virtualBytes: number): readonly DiskPart[] {
  const parts: DiskPart[] = []
  const add = (kind: DiskPart['kind'], from: number, to: number) => {
    for (let at = from; at < to; at += mostMib) parts.push({ kind, startMib: at, mib: Math.min(mostMib, to - at) })
  }
  let reached = 0
  for (const { startBytes, lengthBytes } of extents) {
    const from = Math.max(reached, Math.floor(startBytes / bytesPerMib))
    const to = Math.ceil((startBytes + lengthBytes) / bytesPerMib)
    if (to <= reached) continue
    add('zero', reached, from)
    add('data', from, to)
    reached = to
  }
  add('zero', reached, Math.ceil(virtualBytes / bytesPerMib))
  return parts
}

async function* contentOf(golden: GoldenSource, parts: readonly DiskPart[]): AsyncGenerator<Buffer> {
  for (const { startMib, mib } of parts.filter(({ kind }) => kind === 'data')) {
    for (let at = startMib; at < startMib + mib; at++) {
      const bytes = Buffer.alloc(bytesPerMib)
      const startBytes = at * bytesPerMib
      await golden.read(bytes.subarray(0, Math.min(bytesPerMib, golden.virtualBytes - startBytes)), startBytes)
      yield bytes
    }
  }
}

interface Workshop {
  readonly request: DiskInstallerRequest
  readonly templates: DiskInstallerTemplates
  readonly tree: string
  readonly scratch: string
}

/** The appliance's own kernel and initramfs, which know the disks of every machine; one archive more makes them an installer. */
async function writeSystem({ request, templates, tree, scratch }: Workshop, run: StageContext['run']): Promise<void> {
  const { disk } = request
  const root = openExt4({ run, image: disk, offsetBytes: rootPartition(disk, await readLayout(disk)).startBytes, directory: scratch })
  const paths = (await root.tree()).map(({ path }) => path)
  const newest = (pattern: RegExp) => paths.filter(path => pattern.test(path)).sort().at(-1)
  const [kernel, initrd] = [newest(/^\/boot\/vmlinuz-/), newest(/^\/boot\/initrd\.img-/)]
  if (kernel === undefined || initrd === undefined) throw goldenWithoutSystem(disk)
  const files = await root.readFiles([kernel, initrd])
  const file = (name: string) => join(tree, 'evc', name)
  await writeFile(file('vmlinuz'), files.get(kernel) ?? '')
  const added = await installerArchive({ templates, scratch }, run)
  await writeFile(file('initrd.img'), joinArchives(files.get(initrd) ?? Buffer.alloc(0), added))
  await writeFile(file('title'), `${request.spec.title} ${request.version}\n`)
}

/**
 * Two archives as one initramfs. The kernel takes a plain one only where it begins at a multiple of 4 bytes, skips zeros
 * before it, and drops everything from an archive that it does not take (init/initramfs.c, unpack_to_rootfs). Pure.
 */
export function joinArchives(first: Buffer, plain: Buffer): Buffer {
  return Buffer.concat([first, Buffer.alloc((4 - (first.length % 4)) % 4), plain])
}

/** The kernel unpacks one archive after the other, and runs the last /init that it found. */
async function installerArchive({ templates, scratch }: Pick<Workshop, 'templates' | 'scratch'>, run: StageContext['run']): Promise<Buffer> {
  const folder = join(scratch, 'initramfs')
  await mkdir(join(folder, 'installer'), { recursive: true })
  await writeFile(join(folder, 'init'), templates.init)
  await chmod(join(folder, 'init'), 0o755)
  await writeFile(join(folder, 'installer/choose-disk.sh'), templates.chooseDisk)
  const archive = join(scratch, 'installer.cpio')
  await run(['bsdtar', '--format=newc', '--uid=0', '--gid=0', '-cf', archive, '-C', folder, 'init', 'installer'], { reason: 'write the installer' })
  return readFile(archive)
}
