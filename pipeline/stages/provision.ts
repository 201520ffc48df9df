/** provision: boots the base disk, runs the provision scripts over SSH, lays down first boot, seals, trims, powers off. */
import { mkdir, readFile, rm, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { packerPairs, vmArguments } from '../tools/vm-arguments.js'
import { renderTemplate } from '../render/engine.js'
import type { RenderedFile } from '../render/files.js'
import type { Spec } from '../spec/types.js'
import type { Acceleration } from '../tools/acceleration.js'
import type { Command } from '../tools/command.js'
import { diskName, packerOutput, packerSeconds, serialLogPath, serialToFile } from './builder-vm.js'
import { packTar, writeTree } from './file-tree.js'
import type { DiskResult } from './install.js'
import { runPackerVm } from './packer-vm.js'
import type { VmContext } from './types.js'

const memoryMib = 2048

/**
 * Packer copies a disk byte by byte, holes too, when its file ends in the format's name; otherwise by `qemu-img
 * convert`, which leaves the holes out. So the base disk goes by another name.
 */
export const baseName = 'base.img'

/**
 * The last thing that happens to the disk: unused blocks are given back, then systemd ends everything and
 * unmounts without stopping units, whose ends would write again after the seal (random seed, wtmp, clock).
 */
const shutdownCommand = 'fstrim -a && systemctl poweroff --force'

export interface ProvisionInput {
  readonly spec: Spec
  readonly base: DiskResult
  /** first-boot/** and provision/*.sh, rendered. */
  readonly files: readonly RenderedFile[]
  /** Times in the payload, seconds since 1970. */
  readonly sourceDateEpoch: number
}

export interface ProvisionResult extends DiskResult {
  /** Build secrets that were in the VM: the audit searches the finished disk for each. */
  readonly secrets: readonly { readonly name: string; readonly value: string }[]
}

/** Writes `disk.raw` into `directory`. Errors: `builder-vm-failed`, `builder-vm-timeout` (exit 4). */
export async function provision(
  input: ProvisionInput,
  templateText: string,
  context: VmContext,
  directory: string
): Promise<ProvisionResult> {
  const key = await makeBuildKey(directory, context)
  const payload = await packPayload(input, directory, context)
  const base = join(directory, baseName)
  await symlink(input.base.disk, base)
  const template = renderProvision(templateText, {
    spec: input.spec,
    base,
    payload,
    privateKey: key.path,
    publicKey: key.publicKey,
    scripts: scriptNames(input.files),
    directory,
    serialLog: serialLogPath(context.logDirectory, 'provision'),
    qemuBinary: context.qemuBinary,
    acceleration: context.acceleration,
  })
  const seconds = input.spec.timeouts.provisionSeconds * context.acceleration.timeoutFactor
  const disk = await runPackerVm(
    { stage: 'provision', template, directory, seconds, announcesEnd: false },
    context
  )
  await Promise.all([key.path, `${key.path}.pub`, payload, base].map(path => rm(path)))
  return { disk, secrets: key.secrets }
}

/** The scripts of provision/ in the order they run. */
export function scriptNames(files: readonly Pick<RenderedFile, 'path'>[]): string[] {
  return files
    .map(file => file.path)
    .filter(path => /^provision\/[^/]+\.sh$/.test(path))
    .map(path => path.slice('provision/'.length))
    .sort()
}

/** Writes the key pair `path` and `path`.pub, which must not be there yet. */
export function buildKeyCommand(path: string): Command {
  return ['ssh-keygen', '-q', '-t', 'ed25519', '-N', '', '-C', 'appliance-build', '-f', path]
}

/** A key pair for this run alone; it reaches the VM through its SMBIOS tables and never touches the base disk. */
async function makeBuildKey(directory: string, context: VmContext) {
  const path = join(directory, 'build-key')
  await context.run(buildKeyCommand(path), { reason: 'make the build key' })
  const [privateText, publicKey] = await Promise.all([readFile(path, 'utf8'), readFile(`${path}.pub`, 'utf8')])
  const body = privateText.split('\n').filter(line => line !== '' && !line.startsWith('-----'))
  const secrets = [
    ...body.map((line, index) => ({ name: `build key, private half, line ${index + 1}`, value: line })),
    { name: 'build key, public half', value: publicKey.trim().split(' ')[1] ?? '' },
    { name: 'build key, comment', value: 'appliance-build' },
  ]
  return { path, publicKey: publicKey.trim(), secrets: secrets.filter(secret => secret.value.length >= 12) }
}

async function packPayload(input: ProvisionInput, directory: string, context: VmContext): Promise<string> {
  const tree = join(directory, 'payload')
  const tar = join(directory, 'payload.tar')
  await mkdir(tree)
  await writeTree(tree, input.files)
  await context.run(packTar(tree, tar, input.sourceDateEpoch), { reason: 'pack the provision scripts' })
  await rm(tree, { recursive: true })
  return tar
}

export interface ProvisionTemplateInput {
  readonly spec: Spec
  readonly base: string
  readonly payload: string
  readonly privateKey: string
  readonly publicKey: string
  readonly scripts: readonly string[]
  readonly directory: string
  readonly serialLog: string
  readonly qemuBinary: string
  readonly acceleration: Acceleration
}

/** The Packer JSON of this stage. Errors: those of the template engine. */
export function renderProvision(text: string, input: ProvisionTemplateInput): string {
  const { spec, acceleration } = input
  const data = {
    accelerator: acceleration.kind,
    qemuBinary: input.qemuBinary,
    diskName,
    diskSize: `${spec.hardware.diskGib}G`,
    timeout: packerSeconds(spec.timeouts.provisionSeconds, acceleration),
    vmArguments: packerPairs(vmArguments(acceleration, { cpus: spec.hardware.cpus, memoryMib })),
    paths: {
      base: input.base,
      payload: input.payload,
      privateKey: input.privateKey,
      output: join(input.directory, packerOutput),
    },
    credential: sshCredential(input.publicKey),
    provisionCommands: provisionCommands(input.scripts),
    shutdownCommand,
    serial: serialToFile(input.serialLog),
  }
  return renderTemplate({ file: 'templates/packer/provision.json.hbs', text, data })
}

/**
 * systemd (256 and newer) reads credentials from SMBIOS type 11 strings, and tmpfiles.d/provision.conf
 * writes this one to /root/.ssh/authorized_keys: systemd.system-credentials(7).
 */
function sshCredential(publicKey: string): string {
  const value = Buffer.from(`${publicKey}\n`).toString('base64')
  return `type=11,value=io.systemd.credential.binary:ssh.authorized_keys.root=${value}`
}

/** One shell for all scripts: every further Packer provisioner costs seconds of SSH set-up in emulation. */
function provisionCommands(scripts: readonly string[]): string[] {
  const unpack = [
    'mkdir -p /run/provision',
    'tar -xf /run/provision.tar -C /run/provision',
    'rm /run/provision.tar',
    'export PROVISION_DIR=/run/provision',
  ]
  const runs = scripts.flatMap(script => [
    `echo "PIPELINE provision: ${script}"`,
    `bash -eu /run/provision/provision/${script} || { echo "PIPELINE provision failed: ${script}"; exit 1; }`,
  ])
  return [...unpack, ...runs]
}
