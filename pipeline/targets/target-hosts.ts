/** What a person's machine must be for each target: the support matrix of HYPERVISORS.md, and what doctor looks for. */
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
}

const bit = 'VT-x or AMD-V on in the firmware'

/** By target; a target that only carries a disk has the hypervisors that take it. */
export const targetHosts: Readonly<Record<string, readonly TargetHost[]>> = {
  kvm: [{
    hypervisor: 'QEMU/KVM, libvirt', systems: 'Linux', nesting: 'yes',
    since: 'Linux 4.20 by default, before that by module option; Intel and AMD',
    setting: `${bit}; \`kvm_intel\` or \`kvm_amd\` with \`nested=1\` (\`run-evc.sh --enable-nested\`)`,
    program: { file: 'qemu-system-x86_64', hint: 'apt-get install qemu-system-x86' },
  }],
  vmware: [{
    hypervisor: 'VMware Workstation, Player, Fusion', systems: 'Linux, Windows, Intel Mac', nesting: 'yes',
    since: 'virtual hardware 9; these files have 19 (Workstation 16, Fusion 12)',
    setting: `${bit}; on Windows no Hyper-V, VBS or core isolation`,
    note: 'Workstation and Fusion are proprietary; read the licence of your version.',
    program: { file: 'vmrun', hint: 'install VMware Workstation or Player' },
  }],
  ova: [{
    hypervisor: 'VMware ESXi, vSphere', systems: 'its own', nesting: 'yes', since: 'ESXi 6.5 (virtual hardware 13)',
    setting: 'for instances on the outer network: promiscuous mode or MAC learning, and forged transmits, on the port group',
    note: 'ESXi and vSphere are proprietary; read the licence of your version.',
    program: { file: 'govc', hint: 'install govc, or ovftool from VMware' },
  }],
  virtualbox: [{
    hypervisor: 'VirtualBox', systems: 'Linux, Windows, Intel Mac', nesting: 'yes', since: '6.1 (Intel), 6.0 (AMD)',
    setting: `${bit}; on Windows no Hyper-V, WSL 2 or core isolation; \`VBoxManage modifyvm NAME --nested-hw-virt on\``,
    program: { file: 'VBoxManage', hint: 'install VirtualBox 6.1 or newer' },
  }],
  hyperv: [{
    hypervisor: 'Hyper-V', systems: 'Windows Pro, Enterprise, Server', nesting: 'yes',
    since: 'Windows 10, Server 2016 (Intel); Windows 11, Server 2022 (AMD)',
    setting: '`Set-VMProcessor -ExposeVirtualizationExtensions $true`, no dynamic memory, MAC address spoofing on',
  }],
  xen: [{
    hypervisor: 'Xen (xl)', systems: 'Linux dom0', nesting: 'experimental', since: '4.17 tried; HVM with `hap=1`',
    setting: '`nestedhvm=1`, and no `altp2m`', note: "Nested HVM is experimental by Xen's own word.",
    program: { file: 'xl', hint: 'apt-get install xen-utils' },
  }],
  xva: [{
    hypervisor: 'XCP-ng, XenServer', systems: 'its own', nesting: 'experimental', since: 'XCP-ng 8.2, XenServer 8',
    setting: '`xe vm-param-set uuid=... platform:nested-virt=true` (before 8.3 `exp-nested-hvm`)',
    note: 'XCP-ng does not support nesting; XenServer ties it to a licence.',
    program: { file: 'xe', hint: "run it on the pool's master, or install xe" },
  }],
  parallels: [{
    hypervisor: 'Parallels Desktop', systems: 'Intel Mac', nesting: 'yes', since: 'Pro and Business editions',
    setting: '`prlctl set NAME --nested-virt on`', note: 'Proprietary; nesting is not in the standard edition.',
  }],
  vagrant: [{
    hypervisor: 'Vagrant with libvirt, VirtualBox, VMware or Hyper-V', systems: "the provider's", nesting: 'yes',
    since: "the provider's", setting: "the provider's; the box asks for nesting itself",
    program: { file: 'vagrant', hint: 'apt-get install vagrant' },
  }],
  raw: [{
    hypervisor: 'anything that takes a raw disk', systems: 'any', nesting: 'yes', since: "the hypervisor's",
    setting: "hand the host's processor through, with VT-x or AMD-V",
  }],
}

const columns = ['target', 'hypervisor', 'runs on', 'machines inside', 'since', 'setting on the host'] as const

/** HYPERVISORS.md for these targets. Pure. */
export function hypervisorsPage(targets: readonly string[]): string {
  const hosts = targets.flatMap(target => (targetHosts[target] ?? []).map(host => ({ target, host })))
  const rows = hosts.map(({ target, host }) => [target, host.hypervisor, host.systems, host.nesting, host.since, host.setting])
  const notes = hosts.flatMap(({ target, host }) => (host.note === undefined ? [] : [`- \`${target}\`: ${host.note}`]))
  return [
    '# Hypervisors', '',
    'What runs which target, and whether the cloud inside can start virtual machines of its own there. Made from',
    '`pipeline/targets/target-hosts.ts` by its test (`UPDATE_GOLDEN=1`); without nesting the cloud still runs containers.', '',
    `| ${columns.join(' | ')} |`, `|${'---|'.repeat(columns.length)}`,
    ...rows.map(([target = '', ...cells]) => `| ${[`\`${target}\``, ...cells].join(' | ')} |`), '',
    ...notes, '',
    'The images are for x86-64. A Mac with Apple silicon runs none of them usefully: Parallels, VMware Fusion and',
    'VirtualBox there run ARM guests, and QEMU emulates x86-64 many times slower and without nesting.', '',
  ].join('\n')
}
