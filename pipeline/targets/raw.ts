/** Target raw: the disk as it is, compressed by zstd, for whatever takes raw disks. */
import { join } from 'node:path'
import { rawZst } from '../images/raw-zst.js'
import { writeFileAtomic } from '../tools/atomic-file.js'
import { needOf } from '../tools/need.js'
import { checkByTool, checkContent, checkText, lastLine, notCompared, runChecks } from './target-checks.js'
import type { Verdict } from './target-checks.js'
import { applianceData, describeArtifacts, fullNameOf, packedShare } from './target-files.js'
import type { Release } from './target-files.js'
import { withScratch } from './target-scratch.js'
import type { ArtifactPlan, BootPlan, ExportInput, PlanInput, Target, TargetDeps, TargetExport, VerifyInput } from './types.js'

/** Measured on 745 MiB of Debian with Incus: 318 MiB. */
const compressedShare = 0.45
const readme = 'README.txt'

function diskName(release: Release): string {
  return `${fullNameOf(release)}.raw.zst`
}

function plan(input: PlanInput): readonly ArtifactPlan[] {
  return [
    { name: diskName(input), mediaType: 'application/zstd', estimatedBytes: Math.round(input.usedBytes * packedShare(input, compressedShare)) },
    { name: readme, mediaType: 'text/plain', estimatedBytes: 2000 },
  ]
}

async function exportRaw(input: ExportInput, { run, render }: TargetDeps): Promise<TargetExport> {
  const disk = diskName(input)
  await writeFileAtomic(join(input.directory, readme), await render('raw/README.txt.hbs', { ...applianceData(input), disk }))
  return {
    writers: [rawZst({ path: join(input.directory, disk), run })],
    finish: () => describeArtifacts(input.directory, plan({ ...input, usedBytes: 0 })),
  }
}

const checks = {
  'zstd frames': async (input: VerifyInput, deps: TargetDeps) => {
    const file = diskName(input)
    const command = ['zstd', '-q', '-t', '--', join(input.directory, file)] as const
    return await checkByTool('raw', { command, file, found: 'zstd -t: all frames and their checksums are right' }, deps)
  },
  'content equal to the golden disk': compareUnpacked,
  'instructions': (input: VerifyInput) => checkText(readme, input),
}

async function compareUnpacked(input: VerifyInput, deps: TargetDeps): Promise<Verdict> {
  if (!input.goldenDisk) return notCompared
  return await withScratch(input.directory, 'raw', async scratch => {
    const file = diskName(input)
    const path = join(scratch, 'disk.raw')
    const unpacked = await deps.run(['zstd', '-q', '-d', '--sparse', '-o', path, '--', join(input.directory, file)], { okCodes: [0, 1], reason: 'verify raw' })
    if (unpacked.exitCode !== 0) return { file, problems: [`cannot be unpacked: ${lastLine(unpacked.stderr)}`] }
    return await checkContent('raw', { file, image: { path, format: 'raw' } }, [input, deps])
  })
}

function boots(input: PlanInput): readonly BootPlan[] {
  const disk = { disk: diskName(input), diskFormat: 'raw', diskDevice: 'virtio-blk-pci', networkDevice: 'virtio-net-pci' }
  return [{ name: 'bios', firmware: 'bios', machine: 'q35', ...disk }]
}

const raw: Target = {
  name: 'raw',
  summary: 'raw disk, compressed by zstd: Proxmox, OpenStack, real hardware',
  hosts: [{
    hypervisor: 'anything that takes a raw disk', systems: 'any', nesting: 'yes', since: "the hypervisor's",
    setting: "hand the host's processor through, with VT-x or AMD-V",
    program: { file: 'zstd', hint: 'apt-get install zstd' },
  }],
  page: { rank: 10, title: 'Raw disk', systems: [], start: file => [`zstd -d --sparse ${file}`] },
  from: 'disk',
  tools: [needOf('zstd', 'export and verify raw'), needOf('qemu-img', 'verify raw')],
  guest: { packages: { debian: [], el: [] }, drivers: ['ahci', 'nvme'], modules: [], devices: [], kernelArguments: [] },
  plan,
  export: exportRaw,
  verify: (input, deps) => runChecks('raw', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  boots,
}

export default raw
