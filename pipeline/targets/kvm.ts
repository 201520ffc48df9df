/** Target kvm: a compressed qcow2 with a libvirt domain, a start script and one page of instructions. */
import { chmod, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { qcow2 } from '../images/qcow2.js'
import type { Spec } from '../spec/types.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { needOf } from '../tools/need.js'
import { portabilityProblems, readQcow2Header } from '../tools/qcow2-header.js'
import { firmwareBit } from './target-hosts.js'
import { assembleScript } from './target-kit.js'
import { checkByTool, checkContent, checkShellScript, checkStructure, checkText, runChecks } from './target-checks.js'
import type { Check, CheckedImage, Verdict } from './target-checks.js'
import { checkDescriptor, requireDescriptor } from './target-descriptors.js'
import { askedDomain } from './target-domain.js'
import { applianceData, describeArtifacts, packedShare, qcow2MediaType } from './target-files.js'
import type {
  ArtifactPlan,
  BootPlan,
  ExportInput,
  PlanInput,
  Target,
  TargetCheck,
  TargetDeps,
  TargetExport,
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
  'kvm/host/facts.sh.hbs',
  ...['words', 'states', 'ports'].map(part => `kit/${part}.sh`),
  ...['record', 'subnet', 'settings', 'network', 'firewall', 'checks', 'ports', 'qemu', 'libvirt', 'progress', 'undo'].map(part => `kvm/host/${part}.sh`),
]

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

function plan({ spec, version, usedBytes, ...measured }: PlanInput): readonly ArtifactPlan[] {
  const disk = {
    name: diskName({ spec, version }),
    mediaType: qcow2MediaType,
    estimatedBytes: Math.round(usedBytes * packedShare(measured, compressedShare)),
  }
  return [disk, ...descriptors.map(({ name, mediaType, estimatedBytes }) => ({ name, mediaType, estimatedBytes }))]
}

async function exportKvm(input: ExportInput, { render }: TargetDeps): Promise<TargetExport> {
  const { directory } = input
  const data = { ...applianceData(input), disk: diskName(input) }
  for (const { name, parts, executable } of descriptors) {
    const text = await assembleScript(parts, data, render)
    if (name === 'domain.xml') requireDescriptor(askedDomain(data.disk, input), text)
    await writeFileAtomic(join(directory, name), text)
    if (executable) await chmod(join(directory, name), 0o755)
  }
  return {
    // Version 3 and zlib: every QEMU since 1.7 reads it; zstd would need 5.1 built with it.
    writers: [qcow2(join(directory, diskName(input)))],
    finish: () => describeArtifacts(directory, plan({ ...input, usedBytes: 0 })),
  }
}

const checks: Readonly<Record<string, Check>> = {
  'qcow2 header': checkHeader,
  'qcow2 structure': (input, deps) => checkStructure('kvm', checkedImage(input), deps),
  'content equal to the golden disk': (input, deps) => checkContent('kvm', checkedImage(input), [input, deps]),
  'libvirt domain': checkDomain,
  'host scripts': checkScripts,
  'one page of instructions': input => checkText('README.txt', input),
}

async function verify(input: VerifyInput, deps: TargetDeps): Promise<readonly TargetCheck[]> {
  return await runChecks('kvm', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps])
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

async function checkDomain(input: VerifyInput, { run }: TargetDeps): Promise<Verdict> {
  const { directory } = input
  const descriptor = askedDomain(diskName(input), input)
  const { file } = descriptor
  // 1: not well formed, 3: not valid; with the other codes virt-xml-validate did not come to look at it.
  const answer = await run(['virt-xml-validate', join(directory, file), 'domain'], {
    okCodes: [0, 1, 3],
    reason: 'verify kvm',
  })
  if (answer.exitCode !== 0) return { file, problems: [`is not valid: ${answer.stderr.split('\n')[0]}`] }
  const verdict = checkDescriptor(descriptor, await readFile(join(directory, file), 'utf8'))
  return 'problems' in verdict ? verdict : { found: "valid by libvirt's schema; name, memory, processors and disk as asked" }
}

async function checkScripts(input: VerifyInput, deps: TargetDeps): Promise<Verdict> {
  const scripts = descriptors.filter(({ executable }) => executable).map(({ name }) => name)
  for (const name of scripts) {
    const verdict = await checkShellScript('kvm', name, [input, deps])
    if ('problems' in verdict) return verdict
  }
  const shared = 'evc-host.sh'
  const read = await checkByTool('kvm', { command: ['sh', '-n', join(input.directory, shared)], file: shared, found: 'read' }, deps)
  return 'problems' in read ? read : { found: `${scripts.join(', ')}: executable, sh reads them and ${shared}` }
}

function checkedImage(input: VerifyInput): CheckedImage {
  const file = diskName(input)
  return { file, image: { path: join(input.directory, file), format: 'qcow2' } }
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
  hosts: [{
    hypervisor: 'QEMU/KVM, libvirt', systems: 'Linux', nesting: 'yes',
    since: 'Linux 4.20 by default, before that by module option; Intel and AMD',
    setting: `${firmwareBit}; \`kvm_intel\` or \`kvm_amd\` with \`nested=1\` (\`run-evc.sh --enable-nested\`)`,
    program: { file: 'qemu-system-x86_64', hint: 'apt-get install qemu-system-x86' },
  }],
  page: { rank: 4, title: 'QEMU/KVM and libvirt', systems: ['linux'], start: () => ['sudo sh run-evc.sh'] },
  from: 'disk',
  tools: [needOf('qemu-img', 'verify kvm'), needOf('virt-xml-validate', 'verify kvm'), needOf('xmllint', 'verify kvm')],
  guest: {
    packages: { debian: ['qemu-guest-agent'], el: ['qemu-guest-agent'] },
    drivers: ['virtio_blk', 'virtio_pci', 'virtio_scsi'],
    modules: ['virtio_net', 'virtio_rng', 'virtio_balloon'],
    devices: [],
    kernelArguments: [],
  },
  plan,
  export: exportKvm,
  verify,
  boots,
}

export default kvm
