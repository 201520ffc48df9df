/** install: boots the media in a builder VM, where the compiled kickstart writes the base disk, unattended. */
import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { escapeOption } from '../tools/qemu.js'
import { packerPairs, vmArguments } from '../tools/vm-arguments.js'
import { renderTemplate } from '../render/engine.js'
import type { RenderedFile } from '../render/files.js'
import type { Spec } from '../spec/types.js'
import { diskName, packerOutput, packerSeconds, serialLogPath, serialToFile } from './builder-vm.js'
import { packExt4, writeTree } from './file-tree.js'
import type { MediaResult } from './media.js'
import { runPackerVm } from './packer-vm.js'
import type { Acceleration } from '../tools/acceleration.js'
import type { VmContext } from './types.js'

/** RAM of the builder VM: its root is read from disk, so this is page cache for the copy. */
const memoryMib = 2048

/**
 * `ro` and no fsck: the media is a read-only squashfs. panic=-1 makes a kernel that cannot go on reset at
 * once, which -no-reboot turns into the VM's end: a broken media fails in seconds and not by time-out.
 */
const kernelArguments = [
  'root=/dev/vda', 'rootfstype=squashfs', 'ro', 'console=ttyS0,115200n8', 'loglevel=4', 'panic=-1',
  'init=/usr/lib/pipeline/start-install',
].join(' ')

export interface InstallInput {
  readonly spec: Spec
  readonly media: MediaResult
  /** The compiled kickstart (install.sh and its parts) and the appliance's install/ folder below files/. */
  readonly files: readonly RenderedFile[]
}

export interface DiskResult {
  /** Raw, sparse, of the spec's virtual size. */
  readonly disk: string
}

/** Writes `disk.raw` into `directory`. Errors: `builder-vm-failed`, `builder-vm-timeout` (exit 4). */
export async function install(
  input: InstallInput,
  templateText: string,
  context: VmContext,
  directory: string
): Promise<DiskResult> {
  const tree = join(directory, 'kickstart')
  const image = join(directory, 'kickstart.img')
  await mkdir(tree)
  await writeTree(tree, input.files)
  await packExt4({ directory: tree, files: input.files, image }, context.run)
  const template = renderInstall(templateText, {
    spec: input.spec,
    media: input.media,
    kickstartImage: image,
    directory,
    serialLog: serialLogPath(context.logDirectory, 'install'),
    qemuBinary: context.qemuBinary,
    acceleration: context.acceleration,
  })
  const seconds = input.spec.timeouts.installSeconds * context.acceleration.timeoutFactor
  const disk = await runPackerVm({ stage: 'install', template, directory, seconds, announcesEnd: true }, context)
  await Promise.all([tree, image].map(path => rm(path, { recursive: true })))
  return { disk }
}

export interface InstallTemplateInput {
  readonly spec: Spec
  readonly media: Pick<MediaResult, 'root' | 'kernel' | 'initrd'>
  readonly kickstartImage: string
  readonly directory: string
  readonly serialLog: string
  readonly qemuBinary: string
  readonly acceleration: Acceleration
}

/** The Packer JSON of this stage. Errors: those of the template engine. */
export function renderInstall(text: string, input: InstallTemplateInput): string {
  const { spec, media, acceleration } = input
  const data = {
    accelerator: acceleration.kind,
    qemuBinary: input.qemuBinary,
    diskName,
    diskSize: `${spec.hardware.diskGib}G`,
    timeout: packerSeconds(spec.timeouts.installSeconds, acceleration),
    vmArguments: packerPairs(vmArguments(acceleration, { cpus: spec.hardware.cpus, memoryMib })),
    drives: {
      media: readOnlyDrive('media', media.root),
      kickstart: readOnlyDrive('kickstart', input.kickstartImage),
    },
    paths: {
      kickstart: input.kickstartImage,
      kernel: media.kernel,
      initrd: media.initrd,
      output: join(input.directory, packerOutput),
    },
    kernelArguments,
    serial: serialToFile(input.serialLog),
  }
  return renderTemplate({ file: 'templates/packer/install.json.hbs', text, data })
}

function readOnlyDrive(id: string, path: string): string {
  return `file=${escapeOption(path)},if=none,id=${id},format=raw,readonly=on`
}
