/** Target kvm: a compressed qcow2 with a libvirt domain, a start script and one page of instructions. */
import { chmod, readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { joinProblems } from '../errors/pipeline-error.js'
import type { PipelineError } from '../errors/pipeline-error.js'
import { artifactWrong } from '../errors/targets.js'
import type { Spec } from '../spec/types.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { needOf } from '../tools/need.js'
import { portabilityProblems, readQcow2Header } from '../tools/qcow2-header.js'
import { checkCommand, compareCommand, convertCommand, parseCheck } from '../tools/qemu-img.js'
import type { ImageFile } from '../tools/qemu-img.js'
import { assembleScript } from './target-kit.js'
import type {
  Artifact,
  ArtifactPlan,
  BootPlan,
  ExportInput,
  PassedCheck,
  PlanInput,
  Target,
  TargetDeps,
  VerifyInput,
} from './types.js'

const bytesPerGib = 1024 ** 3
const clusterBytes = 65536
/** zlib of a system disk; measured on 745 MiB of Debian with Incus: 369 MiB. */
const compressedShare = 0.5

interface Descriptor {
  readonly name: string
  readonly mediaType: string
  readonly estimatedBytes: number
  /** Templates it is put together from, in order. */
  readonly parts: readonly string[]
  readonly executable?: true
}

const script = { mediaType: 'application/x-sh', executable: true } as const
/** What the scripts share; each subject is a file of its own here, the person gets one. */
const hostParts = [
  'facts.sh.hbs', 'words.sh', 'record.sh', 'subnet.sh', 'settings.sh', 'network.sh', 'firewall.sh', 'checks.sh',
  'ports.sh', 'qemu.sh', 'libvirt.sh', 'progress.sh', 'undo.sh',
].map(part => `kvm/host/${part}`)

const descriptors: readonly Descriptor[] = [
  { name: 'run-evc.sh', estimatedBytes: 8000, parts: ['kvm/run-evc.sh'], ...script },
  { name: 'teardown-evc.sh', estimatedBytes: 1500, parts: ['kvm/teardown-evc.sh'], ...script },
  { name: 'status', estimatedBytes: 3000, parts: ['kvm/status'], ...script },
  { name: 'evc-host.sh', mediaType: 'application/x-sh', estimatedBytes: 30_000, parts: hostParts },
  { name: 'domain.xml', mediaType: 'application/xml', estimatedBytes: 3000, parts: ['kvm/domain.xml.hbs'] },
  { name: 'README.txt', mediaType: 'text/plain', estimatedBytes: 4000, parts: ['kvm/README.txt.hbs'] },
]

function diskName({ spec, version }: { spec: Spec; version: string }): string {
  return `${spec.name}-${version}.qcow2`
}

function plan({ spec, version, usedBytes }: PlanInput): readonly ArtifactPlan[] {
  const disk = {
    name: diskName({ spec, version }),
    mediaType: 'application/x-qemu-disk',
    estimatedBytes: Math.round(usedBytes * compressedShare),
  }
  return [disk, ...descriptors.map(({ name, mediaType, estimatedBytes }) => ({ name, mediaType, estimatedBytes }))]
}

async function exportKvm(input: ExportInput, { run, render }: TargetDeps): Promise<readonly Artifact[]> {
  const { goldenDisk, directory } = input
  const disk = { path: join(directory, diskName(input)), format: 'qcow2' }
  // compat 1.1 and zlib: every QEMU since 1.7 reads it; zstd would need 5.1 built with it.
  const options = { compat: '1.1', compression_type: 'zlib', cluster_size: clusterBytes }
  await run(convertCommand({ from: goldenDisk, to: disk, compress: true, options }), { reason: 'export kvm' })
  const data = descriptorData(input)
  for (const { name, parts, executable } of descriptors) {
    await writeFileAtomic(join(directory, name), await assembleScript(parts, data, render))
    if (executable) await chmod(join(directory, name), 0o755)
  }
  return await Promise.all(
    plan({ ...input, usedBytes: 0 }).map(async ({ name, mediaType }) => {
      const { size, mode } = await stat(join(directory, name))
      return { name, mediaType, bytes: size, executable: (mode & 0o100) !== 0 }
    })
  )
}

function descriptorData({ spec, version }: { spec: Spec; version: string }): object {
  return {
    name: spec.name,
    title: spec.title,
    version,
    fullName: `${spec.name}-${version}`,
    disk: diskName({ spec, version }),
    hardware: spec.hardware,
    nested: spec.nestedVirt === 'required',
    fallbackHost: spec.network.fallbackAddress.replace(/\/.*/, ''),
    readySeconds: spec.timeouts.readySeconds,
  }
}

/** What one check found right, or each fault as the end of a sentence that begins with the file's name. */
type Verdict = { readonly found: string } | { readonly file: string; readonly problems: readonly string[] }

const checks: Readonly<Record<string, (input: VerifyInput, deps: TargetDeps) => Promise<Verdict>>> = {
  'all files are there': checkFiles,
  'qcow2 header': checkHeader,
  'qcow2 structure': checkStructure,
  'content equal to the golden disk': checkContent,
  'libvirt domain': checkDomain,
  'host scripts': checkScripts,
}

async function verify(input: VerifyInput, deps: TargetDeps): Promise<readonly PassedCheck[]> {
  const passed: PassedCheck[] = []
  const faults: PipelineError[] = []
  for (const [name, check] of Object.entries(checks)) {
    const verdict = await check(input, deps)
    if ('found' in verdict) passed.push({ name, found: verdict.found })
    else faults.push(...verdict.problems.map(problem => artifactWrong('kvm', verdict.file, problem)))
    // Without its files nothing else can be looked at.
    if (faults.length > 0 && name === 'all files are there') break
  }
  if (faults.length > 0) throw joinProblems(faults)
  return passed
}

async function checkFiles(input: VerifyInput): Promise<Verdict> {
  const present = await readdir(input.directory)
  const names = plan({ ...input, usedBytes: 0 }).map(artifact => artifact.name)
  const missing = names.find(name => !present.includes(name))
  return missing === undefined ? { found: names.join(', ') } : { file: missing, problems: ['is missing'] }
}

async function checkHeader(input: VerifyInput): Promise<Verdict> {
  const file = diskName(input)
  const virtualBytes = input.spec.hardware.diskGib * bytesPerGib
  const header = await readQcow2Header(join(input.directory, file))
  const problems = header ? portabilityProblems(header, { virtualBytes, clusterBytes }) : ['is no qcow2 file']
  if (problems.length > 0) return { file, problems }
  return {
    found: `version 3, zlib, ${clusterBytes / 1024} KiB clusters, ${input.spec.hardware.diskGib} GiB, no backing file`,
  }
}

async function checkStructure(input: VerifyInput, { run }: TargetDeps): Promise<Verdict> {
  const file = diskName(input)
  const answer = await run(checkCommand(diskFile(input)), { okCodes: [0, 1, 2, 3], reason: 'verify kvm' })
  // 1: qemu-img could not even open it, and says why instead of counting.
  if (answer.exitCode === 1) return { file, problems: [`cannot be checked: ${lastLine(answer.stderr)}`] }
  const { corruptions, leaks, checkErrors, allocatedClusters } = parseCheck(answer.stdout)
  if (corruptions + leaks + checkErrors === 0)
    return { found: `qemu-img check finds no fault in ${allocatedClusters} clusters` }
  return {
    file,
    problems: [`is damaged: ${corruptions} corruptions, ${leaks} leaks, ${checkErrors} unreadable parts`],
  }
}

async function checkContent(input: VerifyInput, { run }: TargetDeps): Promise<Verdict> {
  if (!input.goldenDisk) return { found: 'not compared: the golden disk is not on this host' }
  const answer = await run(compareCommand(input.goldenDisk, diskFile(input)), {
    okCodes: [0, 1],
    reason: 'verify kvm',
  })
  if (answer.exitCode === 0) return { found: 'qemu-img compare: identical' }
  return {
    file: diskName(input),
    problems: [`does not hold what the golden disk holds: ${lastLine(answer.stdout)}`],
  }
}

async function checkDomain({ directory }: VerifyInput, { run }: TargetDeps): Promise<Verdict> {
  const file = 'domain.xml'
  // 1: not well formed, 3: not valid; with the other codes virt-xml-validate did not come to look at it.
  const answer = await run(['virt-xml-validate', join(directory, file), 'domain'], {
    okCodes: [0, 1, 3],
    reason: 'verify kvm',
  })
  if (answer.exitCode === 0) return { found: "valid by libvirt's schema" }
  return { file, problems: [`is not valid: ${answer.stderr.split('\n')[0]}`] }
}

async function checkScripts({ directory }: VerifyInput, { run }: TargetDeps): Promise<Verdict> {
  const scripts = descriptors.filter(({ mediaType }) => mediaType === script.mediaType)
  for (const { name, executable } of scripts) {
    const { mode } = await stat(join(directory, name))
    if (executable && (mode & 0o111) !== 0o111) return { file: name, problems: ['is not executable'] }
    const answer = await run(['sh', '-n', join(directory, name)], { okCodes: [0, 2], reason: 'verify kvm' })
    if (answer.exitCode !== 0) return { file: name, problems: [`is no shell script: ${lastLine(answer.stderr)}`] }
  }
  return { found: `${scripts.map(({ name }) => name).join(', ')}: executable where they are started, sh reads them` }
}

function diskFile(input: VerifyInput): ImageFile {
  return { path: join(input.directory, diskName(input)), format: 'qcow2' }
}

/** Without its full stop: the message that it ends in has one. */
function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.replace(/[.!]$/, '') ?? ''
}

function boots({ spec, version }: PlanInput): readonly BootPlan[] {
  const hardware = {
    disk: diskName({ spec, version }),
    diskFormat: 'qcow2',
    machine: 'q35',
    diskDevice: 'virtio-blk-pci',
    networkDevice: 'virtio-net-pci',
  }
  return [
    { name: 'bios', firmware: 'bios', ...hardware },
    { name: 'uefi', firmware: 'uefi', ...hardware },
  ]
}

const kvm: Target = {
  name: 'kvm',
  summary: 'QEMU/KVM and libvirt: qcow2, domain XML, host scripts',
  from: 'disk',
  tools: [needOf('qemu-img', 'export and verify kvm'), needOf('virt-xml-validate', 'verify kvm')],
  guest: {
    packages: { debian: ['qemu-guest-agent'], el: ['qemu-guest-agent'] },
    drivers: ['virtio_blk', 'virtio_pci', 'virtio_scsi'],
    modules: ['virtio_net', 'virtio_rng', 'virtio_balloon'],
    kernelArguments: [],
  },
  plan,
  export: exportKvm,
  verify,
  boots,
}

export default kvm
