/** Target xen: a qcow2 and two configurations of xl, fully virtualised with nesting and paravirtualised through pygrub. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { qcow2 } from '../images/qcow2.js'
import { needOf } from '../tools/need.js'
import { parseXlConfig } from '../tools/xl-config.js'
import { checkContent, checkShellScript, checkStructure, checkText, notCompared, runChecks } from './target-checks.js'
import type { Check, CheckedImage, Verdict } from './target-checks.js'
import { checkDescriptor, requireDescriptor } from './target-descriptors.js'
import type { AskedDescriptor } from './target-descriptors.js'
import { applianceData, describeArtifacts, fullNameOf, qcow2MediaType, packedShare } from './target-files.js'
import type { Release } from './target-files.js'
import { startScript } from './target-kit.js'
import { plannedText, readme, writeTexts } from './target-texts.js'
import type { TextPlan } from './target-texts.js'
import type {
  ArtifactPlan, ExportInput, GuestNeeds, PlanInput, Target, TargetDeps, TargetExport, VerifyInput, XenBootPlan,
} from './types.js'

/** As for kvm. */
const compressedShare = 0.5
const pygrub = '/usr/lib/xen-4.17/bin/pygrub'

const texts: readonly TextPlan[] = [
  { name: 'hvm.cfg', mediaType: 'text/plain', estimatedBytes: 700 },
  { name: 'pv.cfg', mediaType: 'text/plain', estimatedBytes: 700 },
  { name: 'start.sh', mediaType: 'application/x-sh', estimatedBytes: 6000, executable: true, parts: startScript('xen', 'start.sh') },
  readme,
]

const diskName = (release: Release) => `${fullNameOf(release)}.qcow2`
/** Of the guests, as xl lists them. */
const namesOf = (release: Release) => ({ hvmName: fullNameOf(release), pvName: `${fullNameOf(release)}-pv` })

function plan(input: PlanInput): readonly ArtifactPlan[] {
  const estimatedBytes = Math.round(input.usedBytes * packedShare(input, compressedShare))
  return [{ name: diskName(input), mediaType: qcow2MediaType, estimatedBytes }, ...texts.map(plannedText)]
}

async function exportXen(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory } = input
  const data = { ...applianceData(input), disk: diskName(input), ...namesOf(input) }
  const written = new Map((await writeTexts({ target: 'xen', directory, texts, data }, deps)).map(({ name, content }) => [name, content]))
  for (const descriptor of [asked('hvm', input), asked('pv', input)]) requireDescriptor(descriptor, written.get(descriptor.file) ?? '')
  return {
    writers: [qcow2(join(directory, diskName(input)))],
    finish: () => describeArtifacts(directory, plan({ ...input, usedBytes: 0 })),
  }
}

function image(input: VerifyInput): CheckedImage {
  return { file: diskName(input), image: { path: join(input.directory, diskName(input)), format: 'qcow2' } }
}

const checks: Readonly<Record<string, Check>> = {
  'qcow2 structure': (input, deps) => checkStructure('xen', image(input), deps),
  'content equal to the golden disk': (input, deps) => checkContent('xen', image(input), [input, deps]),
  'fully virtualised configuration': input => checkConfiguration('hvm', input),
  'paravirtualised configuration': input => checkConfiguration('pv', input),
  'kernel found by pygrub': checkPygrub,
  'start script': (input, deps) => checkShellScript('xen', 'start.sh', [input, deps]),
  'one page of instructions': input => checkText(readme.name, input),
}

/** xl itself reads a configuration only on Xen: each line must be a setting, and these must have these values. */
function asked(kind: 'hvm' | 'pv', release: Release): AskedDescriptor {
  const { hardware, nestedVirt } = release.spec
  const nested = nestedVirt === 'required' ? 1 : undefined
  const kinds = {
    hvm: { name: namesOf(release).hvmName, type: 'hvm', firmware: 'bios', nestedhvm: nested, hap: nested },
    pv: { name: namesOf(release).pvName, type: 'pv', bootloader: 'pygrub', nestedhvm: undefined },
  }
  const disk = [`format=qcow2, vdev=xvda, access=rw, target=${diskName(release)}`]
  const wanted = { ...kinds[kind], memory: hardware.memoryMib, vcpus: hardware.cpus, disk, altp2m: undefined }
  return { file: `${kind}.cfg`, parse: parseXlConfig, wanted }
}

async function checkConfiguration(kind: 'hvm' | 'pv', input: VerifyInput): Promise<Verdict> {
  const descriptor = asked(kind, input)
  return checkDescriptor(descriptor, await readFile(join(input.directory, descriptor.file), 'utf8'))
}

/** It reads raw disks; the exported one was compared with the golden disk. Of a disk without a menu it says nothing, and ends with 0. */
async function checkPygrub(input: VerifyInput, { run }: TargetDeps): Promise<Verdict> {
  if (!input.goldenDisk) return notCompared
  const answer = await run([pygrub, '-l', input.goldenDisk.path], { okCodes: [0, 1], reason: 'verify xen' })
  const kernels = [...answer.stdout.matchAll(/^\s+kernel: (\/\S+)$/gm)].map(([, path]) => path)
  if (kernels.length > 0) return { found: `pygrub lists ${kernels.length} entries of the disk that it was made from: ${[...new Set(kernels)].join(', ')}` }
  return { file: diskName(input), problems: ['holds no kernel that pygrub finds'] }
}

/** An HVM guest on an emulated processor may not have the time to get ready. */
function xenBoots(input: PlanInput): readonly XenBootPlan[] {
  const folder = { disk: diskName(input), diskFormat: 'qcow2', files: ['start.sh', 'hvm.cfg', 'pv.cfg'] } as const
  return [
    { name: 'pv', virtualisation: 'para', arguments: ['--pv'], reaches: 'ready', ...folder },
    { name: 'hvm', virtualisation: 'full', arguments: [], reaches: 'booting', ...folder },
  ]
}

export const xenGuest: GuestNeeds = {
  packages: { debian: ['xenstore-utils'], el: [] },
  drivers: ['xen_blkfront', 'ata_piix'],
  modules: ['xen_netfront'],
  devices: [
    { device: "Xen's disk", alias: 'xen:vbd', driver: 'xen_blkfront', place: 'initramfs' },
    { device: "Xen's network card", alias: 'xen:vif', driver: 'xen_netfront', place: 'disk' },
  ],
  kernelArguments: [],
}

const xen: Target = {
  name: 'xen',
  summary: 'Xen with xl: qcow2, configurations for HVM and PV',
  hosts: [{
    hypervisor: 'Xen (xl)', systems: 'Linux dom0', nesting: 'experimental', since: '4.17 tried; HVM with `hap=1`',
    setting: '`nestedhvm=1`, and no `altp2m`', note: "Nested HVM is experimental by Xen's own word.",
    program: { file: 'xl', hint: 'apt-get install xen-utils' },
    // Debian installs xl without Xen, too; the kernel says in which domain it runs.
    shownBy: { file: '/proc/xen/capabilities', word: 'control_d' },
  }],
  page: { rank: 8, title: 'Xen', systems: [], start: () => ['sudo sh start.sh'] },
  from: 'disk',
  tools: ['qemu-img', pygrub, 'sqfs2tar', 'bsdtar'].map(name => needOf(name, 'verify xen')),
  guest: xenGuest,
  plan,
  export: exportXen,
  verify: (input, deps) => runChecks('xen', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  xenBoots,
}

export default xen
