/** What a person's machine must be for a target, and what a visitor of the page is told: HYPERVISORS.md, doctor, the download page. */
import type { ToolNeed } from '../tools/need.js'

/** One hypervisor that runs a target's files. */
export interface TargetHost {
  readonly hypervisor: string
  /** Systems it runs on. */
  readonly systems: string
  /** Whether virtual machines run inside the appliance there; `experimental` in its maker's own words. */
  readonly nesting: 'yes' | 'experimental' | 'no'
  /** Since which version, on which processors. */
  readonly since: string
  /** What its owner sets on the host, if anything. */
  readonly setting: string
  readonly note?: string
  /** The program by which it is started here; absent where no Linux has it. */
  readonly program?: Pick<ToolNeed, 'file' | 'hint'>
  /** Programs of which that one needs any. */
  readonly besides?: { readonly anyOf: readonly string[]; readonly hint: string }
  /** A file and a word in it, where the program alone does not show that the machine is one. */
  readonly shownBy?: { readonly file: string; readonly word: string }
}

/** What the download page says of a target. */
export interface TargetPage {
  /** Its place among all targets, here and in HYPERVISORS.md: what people look for most has the lowest. */
  readonly rank: number
  readonly title: string
  /** Operating systems of a visitor's machine for which this is the first choice. */
  readonly systems: readonly ('windows' | 'mac' | 'linux')[]
  /** Typed in the folder of the download, each on one system. `file`: the downloaded file's name, quoted for a shell. */
  readonly start: (file: string) => readonly string[]
}

export const firmwareBit = 'VT-x or AMD-V on in the firmware'

/** The zip holds one folder of its own name. Windows has tar, and reads both slashes. */
export function startPacked(file: string): readonly string[] {
  const folder = file.replace(/\.zip(?='?$)/, '')
  return [`unzip ${file} && sh ${folder}/start.sh`, `tar -xf ${file}; powershell -ExecutionPolicy Bypass -File ${folder}/start.ps1`]
}

/** In the order of the page and of HYPERVISORS.md. */
export function inRank<Item extends { readonly page: TargetPage }>(targets: readonly Item[]): Item[] {
  return [...targets].sort((a, b) => a.page.rank - b.page.rank)
}

const columns = ['target', 'hypervisor', 'runs on', 'machines inside', 'since', 'setting on the host'] as const

interface HostedTarget {
  readonly name: string
  readonly hosts: readonly TargetHost[]
  readonly page: TargetPage
}

/** HYPERVISORS.md for these targets. Pure. */
export function hypervisorsPage(targets: readonly HostedTarget[]): string {
  const hosts = inRank(targets).flatMap(({ name, hosts }) => hosts.map(host => ({ target: name, host })))
  const rows = hosts.map(({ target, host }) => [target, host.hypervisor, host.systems, host.nesting, host.since, host.setting])
  const notes = hosts.flatMap(({ target, host }) => (host.note === undefined ? [] : [`- \`${target}\`: ${host.note}`]))
  return [
    '# Hypervisors', '',
    'What runs which target, and whether the cloud inside can start virtual machines of its own there. Made from',
    '`hosts` of each file in `pipeline/targets/` by a test (`UPDATE_GOLDEN=1`); without nesting the cloud still runs containers.', '',
    `| ${columns.join(' | ')} |`, `|${'---|'.repeat(columns.length)}`,
    ...rows.map(([target = '', ...cells]) => `| ${[`\`${target}\``, ...cells].join(' | ')} |`), '',
    ...notes, '',
    'The images are for x86-64. A Mac with Apple silicon runs none of them usefully: Parallels, VMware Fusion and',
    'VirtualBox there run ARM guests, and QEMU emulates x86-64 many times slower and without nesting.', '',
  ].join('\n')
}
