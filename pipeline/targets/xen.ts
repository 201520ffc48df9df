/** Target xen: a qcow2 and two configurations of xl, fully virtualised with nesting and paravirtualised through pygrub. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { qcow2 } from '../images/qcow2.js'
import { needOf } from '../tools/need.js'
import { checkContent, checkShellScript, checkStructure, checkText, notCompared, runChecks } from './target-checks.js'
import type { Check, CheckedImage, Verdict } from './target-checks.js'
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

function plan(input: PlanInput): readonly ArtifactPlan[] {
  const estimatedBytes = Math.round(input.usedBytes * packedShare(input, compressedShare))
  return [{ name: diskName(input), mediaType: qcow2MediaType, estimatedBytes }, ...texts.map(plannedText)]
}

async function exportXen(input: ExportInput, deps: TargetDeps): Promise<TargetExport> {
  const { directory } = input
  const base = fullNameOf(input)
  const data = { ...applianceData(input), disk: diskName(input), hvmName: base, pvName: `${base}-pv` }
  await writeTexts({ target: 'xen', directory, texts, data }, deps)
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
  'fully virtualised configuration': input =>
    checkConfiguration('hvm.cfg', input, { type: '"hvm"', ...(input.spec.nestedVirt === 'required' ? { nestedhvm: '1', hap: '1' } : { nestedhvm: undefined }) }),
  'paravirtualised configuration': input =>
    checkConfiguration('pv.cfg', input, { type: '"pv"', bootloader: '"pygrub"', nestedhvm: undefined }),
  'kernel found by pygrub': checkPygrub,
  'start script': (input, deps) => checkShellScript('xen', 'start.sh', [input, deps]),
  'one page of instructions': input => checkText(readme.name, input),
}

/** xl itself reads a configuration only on Xen: each line must be a setting that it knows, and these must have these values. */
async function checkConfiguration(file: string, input: VerifyInput, wanted: Readonly<Record<string, string | undefined>>): Promise<Verdict> {
  const lines = (await readFile(join(input.directory, file), 'utf8')).split('\n').filter(line => !/^\s*(#|$)/.test(line))
  const settings = new Map(lines.map(line => /^(\w+) = ("[^"]*"|\d+|\['[^']*'\])$/.exec(line)).flatMap(found => (found ? [[found[1] ?? '', found[2] ?? ''] as const] : [])))
  const { memoryMib, cpus } = input.spec.hardware
  const disk = `['format=qcow2, vdev=xvda, access=rw, target=${diskName(input)}']`
  const values = { memory: String(memoryMib), vcpus: String(cpus), disk, altp2m: undefined, ...wanted }
  const problems = [
    ...(settings.size === lines.length ? [] : [`has ${lines.length - settings.size} lines that are no setting, or one twice`]),
    ...Object.entries(values).filter(([key, value]) => settings.get(key) !== value).map(([key, value]) =>
      value === undefined ? `must not set ${key}` : `has ${key} = ${settings.get(key) ?? 'nothing'}, wanted ${value}`),
  ]
  return problems.length > 0 ? { file, problems } : { found: [...settings.keys()].join(', ') }
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
  from: 'disk',
  tools: ['qemu-img', pygrub, 'sqfs2tar', 'bsdtar'].map(name => needOf(name, 'verify xen')),
  guest: xenGuest,
  plan,
  export: exportXen,
  verify: (input, deps) => runChecks('xen', { planned: plan({ ...input, usedBytes: 0 }), checks }, [input, deps]),
  xenBoots,
}

export default xen
